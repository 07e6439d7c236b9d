import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { appendStatement, docIdOf, EntryTooNew, openEntry, Primitives } from "@tidemark/crypto"
import {
  decodeHeader,
  DeviceSeq,
  encodeSealedBody,
  headerBytes,
  KeyId,
  RosterNumber,
  signatureBytes
} from "@tidemark/protocol"
import { found, join, makePerson, openOutcome, reseal, revocation, seen, signJson, withEditor } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const text = new TextEncoder().encode("an edit that nobody else may read")
const flip = (bytes: Uint8Array, place: number, mask = 1): Uint8Array => {
  const changed = bytes.slice()
  changed[place] = (changed[place] ?? 0) ^ mask
  return changed
}
const first = (entries: ReadonlyArray<Uint8Array>): Uint8Array => entries[0] ?? new Uint8Array(0)

describe("opening", () => {
  it.effect("OPEN-1 the signature and the author's right are checked before anything is decrypted", () =>
    Effect.gen(function* () {
      const { seal, open } = yield* withEditor()
      const entry = first(yield* seal(text))
      const primitives = yield* Primitives
      let decryptions = 0
      const counting = Primitives.of({
        ...primitives,
        open: (...input) => {
          decryptions++
          return primitives.open(...input)
        }
      })
      const count = (bytes: Uint8Array) => Effect.result(Effect.provideService(open(bytes), Primitives, counting))
      assert.strictEqual(openOutcome(yield* count(flip(entry, entry.length - 1))), "signature")
      assert.strictEqual(decryptions, 0)
      assert.strictEqual(openOutcome(yield* count(entry)), "opened")
      assert.strictEqual(decryptions, 1)
    }).pipe(run)
  )

  it.effect("OPEN-2 a change of any header field, of the ciphertext or of the signature is not opened", () =>
    Effect.gen(function* () {
      const { seal, open } = yield* withEditor()
      const entry = first(yield* seal(text))
      const expected: ReadonlyArray<readonly [string, number, string]> = [
        ["version", 0, "malformed"],
        ["later version", 0, "tooNew version"],
        ["suite", 1, "tooNew suite"],
        ["kind", 2, "signature"],
        ["reserved", 3, "signature"],
        ["key id", 4, "signature"],
        ["doc", 12, "signature"],
        ["device", 28, "unknownDevice"],
        ["DeviceSeq", 51, "signature"],
        ["roster", 55, "signature"],
        ["part", 57, "malformed"],
        ["parts", 59, "signature"],
        ["nonce", 60, "signature"],
        ["nonce's zero bytes", 75, "signature"],
        ["ciphertext", headerBytes, "signature"],
        ["tag", entry.length - signatureBytes - 1, "signature"],
        ["signature's R", entry.length - 64, "signature"],
        ["signature's s", entry.length - 1, "signature"]
      ]
      for (const [field, place, reason] of expected) {
        const mask = ["later version", "DeviceSeq", "parts"].includes(field) ? 2 : 1
        assert.strictEqual(openOutcome(yield* Effect.result(open(flip(entry, place, mask)))), reason, field)
      }
      assert.strictEqual(openOutcome(yield* Effect.result(open(entry))), "opened")
    }).pipe(run)
  )

  it.effect("OPEN-3 an entry belongs to one workspace", () =>
    Effect.gen(function* () {
      const { state, seal, open } = yield* withEditor()
      const entry = first(yield* seal(text))
      const workspace = (yield* found()).state.workspace
      const elsewhere = open(entry, { workspace, roster: { ...state, workspace } })
      assert.strictEqual(openOutcome(yield* Effect.result(elsewhere)), "signature")
    }).pipe(run)
  )

  it.effect("OPEN-3 a ciphertext is bound to every field of its header, even against its own author", () =>
    Effect.gen(function* () {
      const { owner, editor, workspace, seal, open } = yield* withEditor()
      const boundTo = yield* Effect.fromResult(decodeHeader(first(yield* seal(text))))
      const plaintext = encodeSealedBody({ codec: 1, compression: 0, itemBytes: 1, seen, body: Uint8Array.of(7) })
      const changes = [
        { doc: docIdOf(owner.keyring.idKey, "another doc") },
        { deviceSeq: DeviceSeq.make(2) },
        { roster: RosterNumber.make(1) },
        { parts: 2 },
        { part: 1, parts: 2 },
        { kind: 2 },
        { nonce: new Uint8Array(12) }
      ]
      for (const change of changes) {
        const header = { ...boundTo, ...change }
        const bytes = yield* reseal({ workspace, author: editor, header, boundTo, plaintext })
        assert.strictEqual(openOutcome(yield* Effect.result(open(bytes))), "ciphertext", Object.keys(change).join())
      }
      const honest = yield* reseal({ workspace, author: editor, header: boundTo, plaintext })
      assert.strictEqual(openOutcome(yield* Effect.result(open(honest))), "opened")
    }).pipe(run)
  )

  it.effect("OPEN-4 a reader's entry and an unknown device's entry are refused", () =>
    Effect.gen(function* () {
      const { owner, state, sealBy, open } = yield* withEditor()
      const reader = yield* join(state, owner, "reader")
      const roster = reader.state
      const byReader = first(yield* sealBy(reader.person, text, { roster: roster.number }))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byReader, { roster }))), "role")
      const byStranger = first(yield* sealBy(yield* makePerson(owner.keyring), text))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byStranger))), "unknownDevice")
      const byOwner = first(yield* sealBy(owner, text))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byOwner))), "opened")
    }).pipe(run)
  )

  it.effect("OPEN-4 a revoked device's entries count up to the statement before its revocation", () =>
    Effect.gen(function* () {
      const { owner, editor, state, seal, open } = yield* withEditor()
      const roster = (yield* appendStatement(state, yield* revocation(state, owner, editor))).state
      const before = first(yield* seal(text, { roster: state.number }))
      const after = first(yield* seal(text, { roster: roster.number }))
      assert.strictEqual(openOutcome(yield* Effect.result(open(before, { roster }))), "opened")
      assert.strictEqual(openOutcome(yield* Effect.result(open(after, { roster }))), "revoked")
    }).pipe(run)
  )

  it.effect("OPEN-5 an author who knew a longer roster makes us pull it first, known to us or not", () =>
    Effect.gen(function* () {
      const { owner, state, seal, sealBy, open } = yield* withEditor()
      const same = first(yield* seal(text, { roster: state.number }))
      const ahead = first(yield* seal(text, { roster: RosterNumber.make(state.number + 1) }))
      assert.strictEqual(openOutcome(yield* Effect.result(open(same))), "opened")
      assert.strictEqual(openOutcome(yield* Effect.result(open(ahead))), `behind ${state.number + 1}`)
      const forged = openOutcome(yield* Effect.result(open(flip(ahead, ahead.length - 1))))
      assert.strictEqual(forged, "signature")
      const later = yield* join(state, owner, "editor")
      const byLater = first(yield* sealBy(later.person, text, { roster: later.state.number }))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byLater))), `behind ${later.state.number}`)
      assert.strictEqual(openOutcome(yield* Effect.result(open(byLater, { roster: later.state }))), "opened")
    }).pipe(run)
  )

  it.effect("OPEN-6 an unknown version, suite, kind, codec or compression is too new, not refused", () =>
    Effect.gen(function* () {
      const { editor, workspace, seal, open } = yield* withEditor()
      const header = yield* Effect.fromResult(decodeHeader(first(yield* seal(text))))
      const body = { codec: 1, compression: 0, itemBytes: 1, seen, body: Uint8Array.of(7) }
      const made = (change: object, bodyChange: object = {}) =>
        Effect.map(
          Effect.flatMap(
            reseal({
              workspace,
              author: editor,
              header: { ...header, ...change },
              plaintext: encodeSealedBody({ ...body, ...bodyChange })
            }),
            (bytes) => Effect.result(open(bytes))
          ),
          openOutcome
        )
      assert.strictEqual(yield* made({}), "opened")
      assert.strictEqual(yield* made({ version: 2 }), "tooNew version")
      assert.strictEqual(yield* made({ suite: 2 }), "tooNew suite")
      assert.strictEqual(yield* made({ kind: 3 }), "tooNew kind")
      assert.strictEqual(yield* made({}, { codec: 200 }), "tooNew codec")
      assert.strictEqual(yield* made({}, { compression: 2 }), "tooNew compression")
    }).pipe(run)
  )

  it.effect("OPEN-7 after a statement this code cannot read, a missing right or key is too new, not refused", () =>
    Effect.gen(function* () {
      const { owner, state, seal, sealBy, open } = yield* withEditor()
      const reader = yield* join(state, owner, "reader")
      const place = { number: reader.state.number + 1, previous: reader.state.head, kind: "promote" }
      const promote = yield* signJson(owner.secret, reader.statements[0] ?? text, place)
      const roster = (yield* appendStatement(reader.state, promote)).state
      const now = { roster: roster.number }
      const tooNew = "tooNew roster"
      const byReader = first(yield* sealBy(reader.person, text, now))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byReader, { roster }))), tooNew)
      const byStranger = first(yield* sealBy(yield* makePerson(owner.keyring), text, now))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byStranger, { roster }))), tooNew)
      const otherKey = first(yield* seal(text, { keyring: (yield* makePerson()).keyring }))
      const failure = yield* Effect.flip(open(otherKey, { roster }))
      assert.instanceOf(failure, EntryTooNew)
      assert.strictEqual("found" in failure ? failure.found : 0, roster.number)
      const byEditor = first(yield* seal(text, now))
      assert.strictEqual(openOutcome(yield* Effect.result(open(byEditor, { roster }))), "opened")
    }).pipe(run)
  )

  it.effect("OPEN-8 without the key, with another key under its id, or with a broken body, an entry is refused", () =>
    Effect.gen(function* () {
      const { owner, editor, workspace, seal, open } = yield* withEditor()
      const entry = first(yield* seal(text))
      const stranger = (yield* makePerson()).keyring
      assert.strictEqual(openOutcome(yield* Effect.result(open(entry, { keyring: stranger }))), "key")
      const keyring = { ...owner.keyring, keys: new Map([[owner.keyring.current, new Uint8Array(32)]]) }
      assert.strictEqual(openOutcome(yield* Effect.result(open(entry, { keyring }))), "ciphertext")
      const header = yield* Effect.fromResult(decodeHeader(entry))
      const cut = yield* reseal({ workspace, author: editor, header, plaintext: new Uint8Array(65) })
      assert.strictEqual(openOutcome(yield* Effect.result(open(cut))), "malformed")
      const unknown = { ...header, keyId: KeyId.make("AAAAAAAAAAA") }
      const other = yield* reseal({ workspace, author: editor, header: unknown, plaintext: new Uint8Array(96) })
      assert.strictEqual(openOutcome(yield* Effect.result(open(other))), "key")
    }).pipe(run)
  )
})

describe("any bytes", () => {
  const Place = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
  const Mask = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 }))
  // One workspace for all runs; a run changes an entry of it.
  const sealed = Effect.runPromise(
    Effect.gen(function* () {
      const { owner, state, workspace, seal } = yield* withEditor()
      return { keyring: owner.keyring, roster: state, workspace, bytes: first(yield* seal(text)) }
    }).pipe(run)
  )
  const outcomeOf = Effect.fnUntraced(function* (change: (bytes: Uint8Array) => Uint8Array) {
    const entry = yield* Effect.promise(() => sealed)
    return openOutcome(yield* Effect.result(openEntry({ ...entry, bytes: change(entry.bytes) })))
  })

  it.effect("OPEN-9 an untouched entry opens", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcomeOf((bytes) => bytes), "opened")
    }).pipe(run)
  )
  it.effect.prop(
    "OPEN-9 a changed byte never opens and never throws",
    { place: Place, mask: Mask },
    ({ place, mask }) =>
      Effect.gen(function* () {
        assert.notStrictEqual(yield* outcomeOf((bytes) => flip(bytes, place % bytes.length, mask)), "opened")
      }).pipe(run),
    { arbitrary: { runs: 300 } }
  )
  it.effect.prop(
    "OPEN-9 a cut or lengthened entry never opens and never throws",
    { place: Place },
    ({ place }) =>
      Effect.gen(function* () {
        assert.notStrictEqual(yield* outcomeOf((bytes) => bytes.subarray(0, place % bytes.length)), "opened")
        assert.notStrictEqual(yield* outcomeOf((bytes) => bytes.subarray(1 + (place % bytes.length))), "opened")
        assert.notStrictEqual(yield* outcomeOf((bytes) => new Uint8Array([...bytes, place & 255])), "opened")
      }).pipe(run),
    { arbitrary: { runs: 100 } }
  )
  it.effect.prop(
    "OPEN-9 random bytes never open and never throw",
    { bytes: Schema.Uint8Array },
    ({ bytes }) =>
      Effect.gen(function* () {
        assert.notStrictEqual(yield* outcomeOf(() => bytes), "opened")
        assert.notStrictEqual(
          yield* outcomeOf((entry) => new Uint8Array([...entry.subarray(0, 76), ...bytes])),
          "opened"
        )
      }).pipe(run),
    { arbitrary: { runs: 100 } }
  )
})
