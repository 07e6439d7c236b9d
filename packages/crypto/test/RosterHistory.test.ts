import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { appendStatement, foldRoster, Primitives, type RosterState } from "@tidemark/crypto"
import type { GrantId } from "@tidemark/protocol"
import { admission, found, grantTo, type Person, revocation } from "./fixture.ts"

const Choice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_983 }))
const Choices = Schema.Array(Choice).check(Schema.isMaxLength(10))

const pick = <A>(list: ReadonlyArray<A>, choice: number): A | undefined => list[choice % list.length]

/** A history that a plain bookkeeper allows: it keeps its own lists, so that it does not lean on the fold it tests. */
const makeHistory = Effect.fnUntraced(function* (choices: ReadonlyArray<number>) {
  const { owner, state, bytes } = yield* found()
  let roster: RosterState = state
  const statements: Array<Uint8Array> = [bytes]
  const owners: Array<Person> = [owner]
  const others: Array<Person> = []
  const open: Array<{ readonly grant: GrantId; readonly linkSecret: Uint8Array; readonly by: Person; role: string }> =
    []
  const append = Effect.fnUntraced(function* (statement: Uint8Array) {
    roster = (yield* appendStatement(roster, statement)).state
    statements.push(statement)
  })
  for (const choice of choices) {
    const by = pick(owners, choice >> 3) ?? owner
    const link = pick(open, choice >> 5)
    const leaving = pick(others, choice >> 5)
    if (choice % 4 < 2 && link !== undefined) {
      const { person, bytes: admit } = yield* admission(roster, link.grant, link.linkSecret)
      yield* append(admit)
      open.splice(open.indexOf(link), 1)
      ;(link.role === "owner" ? owners : others).push(person)
    } else if (choice % 4 === 2 && leaving !== undefined) {
      yield* append(yield* revocation(roster, choice % 8 < 4 ? by : leaving, leaving))
      others.splice(others.indexOf(leaving), 1)
    } else if (choice % 4 === 3 && owners.length > 1) {
      yield* append(yield* revocation(roster, pick(owners, choice >> 6) ?? by, by))
      owners.splice(owners.indexOf(by), 1)
      for (const granted of open.filter((one) => one.by === by)) open.splice(open.indexOf(granted), 1)
    } else {
      const role = pick(["owner", "editor", "reader"] as const, choice >> 4) ?? "reader"
      const granted = yield* grantTo(roster, by, role)
      yield* append(granted.bytes)
      open.push({ ...granted, by, role })
    }
  }
  const inside = [...owners, ...others].map((person) => person.device)
  return { statements, roster, inside, links: open.map((one) => one.grant) }
})

describe("random histories", () => {
  it.effect.prop(
    "ROSTER-12 what each author may do is accepted, and the fold knows who is in",
    { choices: Choices },
    ({ choices }) =>
      Effect.gen(function* () {
        const { statements, roster, inside, links } = yield* makeHistory(choices)
        const { state, refusedAt } = yield* foldRoster(statements)
        assert.isUndefined(refusedAt)
        assert.deepStrictEqual(state, roster)
        const devices = [...roster.devices].flatMap(([id, one]) => (one.revokedAt === undefined ? [id] : []))
        assert.sameMembers(devices, inside)
        const usable = [...roster.grants].flatMap(([id, one]) =>
          one.revokedAt === undefined && one.usesLeft > 0 ? [id] : []
        )
        assert.sameMembers(usable, links)
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "ROSTER-10 a changed byte anywhere ends the fold right there",
    {
      choices: Choices,
      which: Choice,
      place: Choice,
      bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
    },
    ({ choices, which, place, bit }) =>
      Effect.gen(function* () {
        const { statements } = yield* makeHistory(choices)
        const index = which % statements.length
        const changed = statements.map((bytes) => bytes.slice())
        const bytes = changed[index] ?? new Uint8Array(1)
        const at = place % bytes.length
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        const { state, refusedAt } = yield* foldRoster(changed)
        assert.strictEqual(refusedAt?.index, index)
        assert.strictEqual(state?.number ?? 0, index)
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "ROSTER-2 a statement left out, doubled or swapped ends the fold right there",
    { choices: Choices, which: Choice },
    ({ choices, which }) =>
      Effect.gen(function* () {
        const { statements } = yield* makeHistory([0, 1, ...choices])
        const index = which % (statements.length - 1)
        const [one, two] = [statements[index], statements[index + 1]]
        if (one === undefined || two === undefined) return assert.fail("a history has at least two statements")
        const before = statements.slice(0, index)
        const after = statements.slice(index + 2)
        assert.strictEqual((yield* foldRoster([...before, two, ...after])).refusedAt?.index, index)
        assert.strictEqual((yield* foldRoster([...before, two, one, ...after])).refusedAt?.index, index)
        assert.strictEqual((yield* foldRoster([...before, one, one, two])).refusedAt?.index, index + 1)
      }).pipe(Effect.provide(Primitives.layerWebCrypto)),
    { arbitrary: { runs: 20 } }
  )
})
