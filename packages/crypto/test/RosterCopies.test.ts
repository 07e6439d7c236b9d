/** Copies of a device in the roster. Rules: docs/spec/roster.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { deviceCopyCountMax } from "@tidemark/protocol"
import { appendStatement, makeAdmitCopy, Primitives, type RosterState } from "@tidemark/crypto"
import { admission, at, found, grantTo, join, makePerson, outcome, type Person, revocation } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const tried = (state: RosterState, bytes: Uint8Array) =>
  Effect.map(Effect.result(appendStatement(state, bytes)), outcome)

const copyOf = Effect.fnUntraced(function* (state: RosterState, by: Person, copy?: Person) {
  const person = copy ?? (yield* makePerson(by.keyring))
  const bytes = yield* makeAdmitCopy({ state, ...by, by: by.device, copy: person.secret, at })
  return { person, bytes }
})

/** The roster with a copy of `by`. */
const withCopy = Effect.fnUntraced(function* (state: RosterState, by: Person) {
  const { bytes, person } = yield* copyOf(state, by)
  return { person, state: (yield* appendStatement(state, bytes)).state }
})

describe("copies of a device", () => {
  it.effect("ROSTER-13 a device lets in a copy of itself with its own role, twice at once one after the other", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const reader = yield* join(state, owner, "reader")
      const [one, two] = [yield* copyOf(reader.state, reader.person), yield* copyOf(reader.state, reader.person)]
      const first = (yield* appendStatement(reader.state, one.bytes)).state
      assert.deepInclude(first.devices.get(one.person.device), { role: "reader", copyOf: reader.person.device })
      assert.strictEqual(yield* tried(first, two.bytes), "malformed", "made for a place that is taken")
      const again = yield* copyOf(first, reader.person, two.person)
      assert.strictEqual(yield* tried(first, again.bytes), "appended")
      const known = yield* copyOf(first, reader.person, one.person)
      assert.strictEqual(yield* tried(first, known.bytes), "alreadyThere")
    }).pipe(run)
  )

  it.effect("ROSTER-13 nobody lets in a copy of another, and a stranger none at all", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const editor = yield* join(state, owner, "editor")
      const stranger = yield* makePerson()
      const forged = yield* makeAdmitCopy({
        state: editor.state,
        by: owner.device,
        secret: editor.person.secret,
        copy: stranger.secret,
        keyring: stranger.keyring,
        at
      })
      assert.strictEqual(yield* tried(editor.state, forged), "signature")
      assert.strictEqual(yield* tried(editor.state, (yield* copyOf(editor.state, stranger)).bytes), "authority")
    }).pipe(run)
  )

  it.effect(
    "ROSTER-13 a revocation ends copies, their copies and their links; what was copied stays when a copy goes",
    () =>
      Effect.gen(function* () {
        const { owner, state } = yield* found()
        const second = yield* join(state, owner, "owner")
        const one = yield* withCopy(second.state, second.person)
        const two = yield* withCopy(one.state, one.person)
        const three = yield* withCopy(two.state, second.person)
        const link = yield* grantTo(three.state, two.person, "editor", 5)
        const all = link.state
        const isIn = (roster: RosterState, person: Person) => roster.devices.get(person.device)?.revokedAt === undefined
        const noCopy = (yield* appendStatement(all, yield* revocation(all, owner, one.person))).state
        assert.deepStrictEqual(
          [second, one, two, three].map(({ person }) => isIn(noCopy, person)),
          [true, false, false, true]
        )
        const late = yield* admission(noCopy, link.grant, link.linkSecret)
        assert.strictEqual(yield* tried(noCopy, late.bytes), "grantRevoked")
        const none = (yield* appendStatement(all, yield* revocation(all, owner, second.person))).state
        assert.isFalse([second, one, two, three].some(({ person }) => isIn(none, person)))
        for (const { person } of [second, two]) {
          assert.strictEqual(yield* tried(none, (yield* copyOf(none, person)).bytes), "authority")
        }
      }).pipe(run)
  )

  it.effect("ROSTER-13 the last owner's line stays: copies would go with it", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const copy = yield* withCopy(state, owner)
      assert.strictEqual(yield* tried(copy.state, yield* revocation(copy.state, owner, owner)), "lastOwner")
      assert.strictEqual(yield* tried(copy.state, yield* revocation(copy.state, owner, copy.person)), "appended")
      const other = yield* join(copy.state, owner, "owner")
      assert.strictEqual(yield* tried(other.state, yield* revocation(other.state, other.person, owner)), "appended")
    }).pipe(run)
  )

  it.effect("ROSTER-13 a line has deviceCopyCountMax copies and no more, whoever of it lets them in", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const editor = yield* join(state, owner, "editor")
      let [roster, last] = [editor.state, editor.person]
      for (let count = 0; count < deviceCopyCountMax; count++) {
        const next = yield* withCopy(roster, count % 2 === 0 ? last : editor.person)
        ;[roster, last] = [next.state, next.person]
      }
      for (const by of [last, editor.person]) {
        assert.strictEqual(yield* tried(roster, (yield* copyOf(roster, by)).bytes), "tooMany")
      }
      assert.strictEqual(yield* tried(roster, (yield* copyOf(roster, owner)).bytes), "appended")
    }).pipe(run)
  )
})
