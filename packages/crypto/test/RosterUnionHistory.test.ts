/** Random histories on several ways, united in any order, against a bookkeeper that looks at every pair of statements. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { DeviceId, GrantId, Role } from "@tidemark/protocol"
import {
  appendStatement,
  foldRoster,
  holdsRoster,
  makeAdmitCopy,
  missingFrom,
  Primitives,
  type RosterState
} from "@tidemark/crypto"
import { admission, at, found, grantTo, makePerson, type Person, revocation } from "./fixture.ts"

const Choice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_983 }))
const Choices = Schema.Array(Choice).check(Schema.isMinLength(8), Schema.isMaxLength(32))

const pick = <A>(list: ReadonlyArray<A>, choice: number): A | undefined => list[choice % list.length]

/** Choices of `step`: a grant of an owner, and somebody who comes in by it. */
const [grantOwner, letIn] = [7, 0]

/** What a statement says, and all statements that stand before it. */
type Fact = { readonly before: ReadonlySet<Fact> } & (
  | { readonly kind: "in"; readonly person: Person; readonly role: Role; readonly by?: GrantId | DeviceId }
  | {
      readonly kind: "grant"
      readonly grant: GrantId
      readonly secret: Uint8Array
      readonly role: Role
      readonly by: DeviceId
    }
  | { readonly kind: "out"; readonly target: DeviceId | GrantId }
)

interface Way {
  readonly list: ReadonlyArray<Uint8Array>
  readonly state: RosterState
  readonly facts: ReadonlySet<Fact>
}

/** Everything that a list of facts puts out: each revocation ends what rests on its target, unless it knew of it. */
const endedBy = (facts: ReadonlySet<Fact>): ReadonlySet<string> => {
  const ended = new Set<string>()
  for (const out of facts) {
    if (out.kind !== "out") continue
    const here = new Set<string>([out.target])
    for (let size = -1; size < here.size;) {
      size = here.size
      for (const fact of facts) {
        if (fact.kind === "grant" && here.has(fact.by)) here.add(fact.grant)
        if (fact.kind !== "in" || fact.by === undefined || !here.has(fact.by)) continue
        const isCopy = [...facts].some((one) => one.kind === "in" && one.person.device === fact.by)
        if (isCopy || !out.before.has(fact)) here.add(fact.person.device)
      }
    }
    for (const id of here) ended.add(id)
  }
  return ended
}

const membersOf = ({ facts }: Way) => {
  const ended = endedBy(facts)
  const people = [...facts].flatMap((fact) => (fact.kind === "in" ? [fact] : []))
  const links = [...facts].flatMap((fact) => (fact.kind === "grant" ? [fact] : []))
  const inside = people.filter(({ person }) => !ended.has(person.device))
  const used = (grant: GrantId) => people.filter(({ by }) => by === grant).length
  const open = links.filter(({ grant }) => !ended.has(grant) && used(grant) < 2)
  return { ended, inside, open, owners: inside.filter(({ role }) => role === "owner") }
}

/** One more statement at the end of a way, made by somebody who may. */
const step = Effect.fnUntraced(function* (way: Way, choice: number) {
  const { inside, open, owners } = membersOf(way)
  const { facts: before, state } = way
  const by = pick(owners, choice >> 4)?.person
  const one = pick(inside, choice >> 6)
  const link = pick(open, choice >> 5)
  const grown = Effect.fnUntraced(function* (bytes: Uint8Array, fact: Fact) {
    const next = (yield* appendStatement(state, bytes)).state
    return { list: [...way.list, bytes], state: next, facts: new Set([...before, fact]) } satisfies Way
  })
  if (choice % 8 < 3 && link !== undefined) {
    const { bytes, person } = yield* admission(state, link.grant, link.secret)
    return yield* grown(bytes, { kind: "in", person, role: link.role, by: link.grant, before })
  }
  if (choice % 8 === 3 && one !== undefined) {
    const { device, keyring, secret } = one.person
    const copy = yield* makePerson(keyring)
    const bytes = yield* makeAdmitCopy({ state, secret, by: device, copy: copy.secret, keyring, at })
    return yield* grown(bytes, { kind: "in", person: copy, role: one.role, by: device, before })
  }
  if (by === undefined) return way
  if (choice % 8 < 6 && one !== undefined) {
    const target = choice % 8 === 5 && link !== undefined ? link.grant : one.person.device
    const named = target === one.person.device ? { device: one.person.device } : { grant: target as GrantId }
    const bytes = yield* revocation(state, by, named)
    // The last owner stays [ROSTER-5].
    const result = yield* Effect.result(grown(bytes, { kind: "out", target, before }))
    return Result.isSuccess(result) ? result.success : way
  }
  const role = pick(["owner", "owner", "editor", "reader"] as const, choice >> 7) ?? "reader"
  const granted = yield* grantTo(state, by, role, 2)
  const fact = { kind: "grant", grant: granted.grant, secret: granted.linkSecret, role, by: by.device, before } as const
  return yield* grown(granted.bytes, fact)
})

const unite = Effect.fnUntraced(function* (one: Way, other: Way) {
  const list = [...one.list, ...missingFrom(one.list, other.list)]
  const { refusedAt, state } = yield* foldRoster(list)
  if (refusedAt !== undefined || state === undefined) return yield* Effect.die(refusedAt)
  return { list, state, facts: new Set([...one.facts, ...other.facts]) } satisfies Way
})

/** An owner of each way's own beginning, then up to four ways from it; some meet on the way and go apart again. */
const makeWays = Effect.fnUntraced(function* (choices: ReadonlyArray<number>) {
  const { bytes, owner, state } = yield* found()
  const founder: Fact = { kind: "in", person: owner, role: "owner", before: new Set() }
  let start: Way = { list: [bytes], state, facts: new Set([founder]) }
  // Two more owners, so that each way has somebody whom another may put out.
  for (const choice of [grantOwner, letIn, letIn]) start = yield* step(start, choice)
  const ways: Array<Way> = [start, start]
  for (const choice of choices) {
    const index = (choice >> 3) % ways.length
    const [way, other] = [ways[index], pick(ways, choice >> 11)]
    if (way === undefined || other === undefined) continue
    if (choice % 11 === 0 && ways.length < 4) ways.push(way)
    else if (choice % 11 === 1) ways[index] = yield* unite(way, other)
    else ways[index] = yield* step(way, Math.floor(choice / 11))
  }
  return ways
})

/** What a roster says, whatever order its maps were made in. */
const saidBy = ({ devices, grants, head, number }: RosterState) => ({
  head,
  number,
  devices: Object.fromEntries(
    [...devices].map(([id, { revokedAt, role, number: place }]) => [id, { revokedAt, role, place }])
  ),
  grants: Object.fromEntries([...grants].map(([id, { revokedAt, usesLeft }]) => [id, { revokedAt, usesLeft }]))
})

const endedIn = ({ devices, grants }: RosterState): ReadonlySet<string> =>
  new Set([...devices, ...grants].flatMap(([id, { revokedAt }]) => (revokedAt === undefined ? [] : [id])))

const check = (way: Way) => {
  const { ended, inside } = membersOf(way)
  assert.sameMembers([...endedIn(way.state)], [...ended])
  const active = [...way.state.devices].flatMap(([id, one]) => (one.revokedAt === undefined ? [id] : []))
  assert.sameMembers(
    active,
    inside.map(({ person }) => person.device)
  )
  assert.strictEqual(way.state.number, way.list.length)
}

describe("random histories on several ways", () => {
  it.effect.prop(
    "ROSTER-14 ROSTER-15 ROSTER-16 the union is what all revocations leave, whoever makes it, and undoes none",
    { choices: Choices },
    ({ choices }) =>
      Effect.gen(function* () {
        const ways = yield* makeWays(choices)
        for (const way of ways) {
          check(way)
          assert.deepStrictEqual(saidBy((yield* foldRoster(way.list)).state ?? way.state), saidBy(way.state))
        }
        let all = ways[0]
        for (const way of ways.slice(1)) {
          if (all === undefined) return
          const [united, mirrored] = [yield* unite(all, way), yield* unite(way, all)]
          check(united)
          assert.deepStrictEqual(saidBy(united.state), saidBy(mirrored.state))
          const ended = endedIn(united.state)
          for (const id of [...endedIn(all.state), ...endedIn(way.state)]) assert.isTrue(ended.has(id))
          assert.isTrue(holdsRoster(united.list, way.list) && holdsRoster(united.list, all.list))
          assert.deepStrictEqual(missingFrom(united.list, way.list), [])
          assert.deepStrictEqual((yield* unite(way, united)).state.head, united.state.head)
          all = united
        }
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "ROSTER-14 a list cut off anywhere counts up to its last whole place, and goes on from there",
    { choices: Choices, cut: Choice },
    ({ choices, cut }) =>
      Effect.gen(function* () {
        const ways = yield* makeWays(choices)
        let all = ways[0]
        for (const way of ways.slice(1)) if (all !== undefined) all = yield* unite(all, way)
        if (all === undefined) return
        const { list, state } = all
        const length = 1 + (cut % list.length)
        const folded = yield* foldRoster(list.slice(0, length))
        const good = folded.refusedAt?.index ?? length
        assert.strictEqual(folded.state?.number, good)
        assert.isUndefined((yield* foldRoster(list.slice(0, good))).refusedAt)
        const rest = yield* foldRoster(list.slice(good), folded.state)
        if (rest.refusedAt === undefined) assert.deepStrictEqual(rest.state && saidBy(rest.state), saidBy(state))
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    { arbitrary: { runs: 40 } }
  )
})
