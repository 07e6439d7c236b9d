/** Rosters that went two ways, as an attacker or a restored server may make them. Rules: docs/spec/roster.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { encodeUnion, RosterNumber } from "@tidemark/protocol"
import {
  foldRoster,
  hashOf,
  holdsRoster,
  makeAdmitCopy,
  missingFrom,
  Primitives,
  type RosterState
} from "@tidemark/crypto"
import { admission, at, found, grantTo, join, makePerson, type Person, revocation } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)

/** A list and what it adds up to. */
interface Branch {
  readonly list: ReadonlyArray<Uint8Array>
  readonly state: RosterState
}

const branchOf = Effect.fnUntraced(function* (list: ReadonlyArray<Uint8Array>) {
  const { refusedAt, state } = yield* foldRoster(list)
  if (refusedAt !== undefined || state === undefined) return yield* Effect.die(refusedAt)
  return { list, state } satisfies Branch
})

const plus = (branch: Branch, ...statements: ReadonlyArray<Uint8Array>) => branchOf([...branch.list, ...statements])
const unite = (one: Branch, other: Branch) => plus(one, ...missingFrom(one.list, other.list))

const revoking = (branch: Branch, by: Person, target: Parameters<typeof revocation>[2]) =>
  Effect.flatMap(revocation(branch.state, by, target), (bytes) => plus(branch, bytes))

const joining = Effect.fnUntraced(function* (branch: Branch, by: Person, role: "owner" | "editor" | "reader") {
  const { grant, linkSecret, person, statements } = yield* join(branch.state, by, role)
  return { branch: yield* plus(branch, ...statements), person, grant, linkSecret }
})

const inside = ({ state }: Branch, ...people: ReadonlyArray<Person>) =>
  people.map(({ device }) => {
    const member = state.devices.get(device)
    return member !== undefined && member.revokedAt === undefined
  })

/** A founder and another owner. */
const twoOwners = Effect.fnUntraced(function* () {
  const { bytes, owner } = yield* found()
  const { branch, person: second } = yield* joining(yield* branchOf([bytes]), owner, "owner")
  return { owner, second, branch }
})

const tried = (list: ReadonlyArray<Uint8Array>) =>
  Effect.map(foldRoster(list), ({ refusedAt, state }) => ({
    index: refusedAt?.index,
    number: state?.number ?? 0
  }))

describe("a roster that went two ways", () => {
  it.effect("ROSTER-14 everybody let in on either way is in, whoever unites them, and statements go on after it", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      const one = yield* joining(branch, owner, "editor")
      const other = yield* joining(branch, second, "reader")
      const united = yield* unite(one.branch, other.branch)
      const mirrored = yield* unite(other.branch, one.branch)
      assert.deepStrictEqual(inside(united, owner, second, one.person, other.person), [true, true, true, true])
      assert.strictEqual(united.state.number, 8)
      assert.strictEqual(united.state.head, mirrored.state.head, "the same union, whoever makes it")
      const later = yield* joining(united, owner, "editor")
      assert.strictEqual(later.branch.state.number, 10)
      // Somebody who stayed behind on one way finds all of it in the list, and has nothing to add.
      assert.isTrue(holdsRoster(later.branch.list, other.branch.list))
      assert.deepStrictEqual(missingFrom(later.branch.list, other.branch.list), [])
      assert.deepStrictEqual(
        (yield* unite(other.branch, later.branch)).state.head,
        later.branch.state.head,
        "and takes over the rest without a union of its own"
      )
    }).pipe(run)
  )

  it.effect("ROSTER-14 a union that leaves the only end aside makes the list go two ways until it is united", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      const one = yield* revoking((yield* joining(branch, owner, "editor")).branch, owner, { device: second.device })
      const other = yield* joining(branch, second, "reader")
      const united = yield* unite(one, other.branch)
      assert.deepStrictEqual(yield* tried(united.list), { index: undefined, number: 9 })
      // Without the last statement of one way: there the second owner is in.
      const early = yield* unite(yield* branchOf(one.list.slice(0, -1)), other.branch)
      const beside = [...united.list, ...early.list.slice(-1)]
      assert.deepStrictEqual(yield* tried(beside), { index: 9, number: 9 })
      assert.deepStrictEqual(inside({ list: [], state: (yield* foldRoster(beside)).state ?? branch.state }, second), [
        false
      ])
      const all = yield* plus(united, ...missingFrom(united.list, early.list))
      assert.deepStrictEqual([all.state.number, inside(all, second)], [11, [false]])
    }).pipe(run)
  )

  it.effect("ROSTER-14 what is no union of two ends is refused, and so is a list that is not united", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      const one = yield* joining(branch, owner, "editor")
      const other = yield* joining(branch, second, "reader")
      const side = other.branch.list.slice(3)
      const open = [...one.branch.list, ...side]
      assert.deepStrictEqual(yield* tried(open), { index: 5, number: 5 })
      const [root, head] = [hashOf(branch.list[0] ?? new Uint8Array()), one.branch.state.head]
      const wrong = [
        encodeUnion(head, root),
        encodeUnion(head, head),
        encodeUnion(head, hashOf(new Uint8Array([1]))),
        new Uint8Array([2, ...new Uint8Array(64)]),
        encodeUnion(head, other.branch.state.head).subarray(0, 64)
      ]
      for (const union of wrong) {
        assert.deepStrictEqual(yield* tried([...open, union]), { index: 5, number: 5 })
        assert.deepStrictEqual(yield* tried([...one.branch.list, union]), { index: 5, number: 5 })
      }
      const union = encodeUnion(head, other.branch.state.head)
      assert.deepStrictEqual(yield* tried([...open, union]), { index: undefined, number: 8 })
      assert.deepStrictEqual(yield* tried([...open, union, union]), { index: 8, number: 8 })
      const swapped = union.slice()
      swapped.set(union.subarray(1, 33), 33)
      swapped.set(union.subarray(33), 1)
      assert.deepStrictEqual(yield* tried([...open, swapped]), { index: 5, number: 5 })
      // A statement of the other way that is left out, doubled or changed leaves the list at its last whole place.
      const [first = new Uint8Array(), second_ = new Uint8Array()] = side
      const changed = second_.slice()
      changed[40] = (changed[40] ?? 0) ^ 1
      for (const bad of [[second_], [first, first, second_], [first, changed], [second_, first]]) {
        assert.deepStrictEqual(yield* tried([...one.branch.list, ...bad, union]), { index: 5, number: 5 })
      }
    }).pipe(run)
  )

  it.effect("ROSTER-15 a revocation on either way holds, also where both put somebody out", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      const editor = yield* joining(branch, owner, "editor")
      const reader = yield* joining(editor.branch, owner, "reader")
      const one = yield* revoking(reader.branch, owner, editor.person)
      const other = yield* revoking(reader.branch, second, reader.person)
      const both = yield* revoking(other, second, editor.person)
      const united = yield* unite(one, both)
      assert.deepStrictEqual(inside(united, owner, second, editor.person, reader.person), [true, true, false, false])
    }).pipe(run)
  )

  it.effect("ROSTER-15 two owners who revoke each other are both out: neither undoes the other's", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      const editor = yield* joining(branch, owner, "editor")
      const one = yield* revoking(editor.branch, owner, second)
      // However long the thief makes its way.
      const long = yield* joining(editor.branch, second, "owner")
      const longer = yield* revoking(long.branch, second, owner)
      const united = yield* unite(longer, one)
      assert.deepStrictEqual(inside(united, owner, second, long.person, editor.person), [false, false, false, true])
    }).pipe(run)
  )

  it.effect("ROSTER-16 what a revoked device gives on a way that does not know of its end is given in vain", () =>
    Effect.gen(function* () {
      const { branch, owner, second } = yield* twoOwners()
      // Still in, for it came in before by the link of somebody who was in.
      const early = yield* joining(branch, second, "editor")
      const open = yield* grantTo(early.branch.state, second, "editor", 2)
      const before = yield* plus(early.branch, open.bytes)
      const end = yield* revoking(before, owner, second)
      const friend = yield* joining(before, second, "owner")
      const friends = yield* joining(friend.branch, friend.person, "editor")
      const byLink = yield* admission(friends.branch.state, open.grant, open.linkSecret)
      const copy = yield* makePerson(second.keyring)
      const joined = yield* plus(friends.branch, byLink.bytes)
      const { device: by, secret } = second
      const forged = yield* plus(
        joined,
        yield* makeAdmitCopy({ state: joined.state, secret, by, copy: copy.secret, keyring: second.keyring, at })
      )
      const people = [owner, early.person, second, friend.person, friends.person, byLink.person, copy]
      for (const united of [yield* unite(end, forged), yield* unite(forged, end)]) {
        assert.deepStrictEqual(inside(united, ...people), [true, true, false, false, false, false, false])
        const openGrants = [...united.state.grants.values()].filter((grant) => grant.revokedAt === undefined)
        assert.isTrue(openGrants.every(({ by: issuer }) => issuer === owner.device))
        const more = yield* revocation(united.state, friend.person, owner)
        const refusal = (yield* foldRoster([...united.list, more])).refusedAt?.error
        assert.strictEqual(refusal?._tag === "StatementRefused" && refusal.reason, "authority")
      }
    }).pipe(run)
  )

  it.effect(
    "ROSTER-16 a link that was ended on the other way lets nobody in; one that was not keeps whom it let in",
    () =>
      Effect.gen(function* () {
        const { branch, owner } = yield* twoOwners()
        const link = yield* grantTo(branch.state, owner, "reader", 1)
        const before = yield* plus(branch, link.bytes)
        const here = yield* admission(before.state, link.grant, link.linkSecret)
        const there = yield* admission(before.state, link.grant, link.linkSecret)
        const [one, other] = [yield* plus(before, here.bytes), yield* plus(before, there.bytes)]
        const twice = yield* unite(one, other)
        assert.deepStrictEqual(inside(twice, here.person, there.person), [true, true])
        assert.strictEqual(twice.state.grants.get(link.grant)?.usesLeft, 0)
        const third = yield* admission(twice.state, link.grant, link.linkSecret)
        assert.strictEqual((yield* foldRoster([...twice.list, third.bytes])).refusedAt?.index, twice.list.length)
        const ended = yield* revoking(one, owner, { grant: link.grant })
        assert.deepStrictEqual(inside(yield* unite(ended, other), here.person, there.person), [true, false])
      }).pipe(run)
  )

  it.effect(
    "ROSTER-17 the end that one way alone knew of has the number of the union; of two ends the later counts",
    () =>
      Effect.gen(function* () {
        const { branch, owner, second } = yield* twoOwners()
        const editor = yield* joining(branch, owner, "editor")
        const end = yield* revoking(editor.branch, owner, editor.person)
        const long = yield* joining(
          yield* joining(editor.branch, second, "reader").pipe(Effect.map((one) => one.branch)),
          second,
          "reader"
        )
        const united = yield* unite(end, long.branch)
        const numberOf = (one: Branch) => one.state.devices.get(editor.person.device)?.revokedAt
        assert.strictEqual(numberOf(end), RosterNumber.make(6))
        assert.strictEqual(numberOf(united), united.state.number)
        const both = yield* unite(end, yield* revoking(long.branch, second, editor.person))
        assert.strictEqual(numberOf(both), RosterNumber.make(10))
      }).pipe(run)
  )
})
