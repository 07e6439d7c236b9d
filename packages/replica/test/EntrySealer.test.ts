/** Opening what the server hands out, under the real cryptography. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cursor, DeviceSeq, DocId, Hash, LogId, Seq } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { type HeldEntry, LocalStoreMemory, MemoryDisk, Sealer } from "@tidemark/sync"
import * as EntrySealer from "../src/EntrySealer.ts"
import { Membership } from "../src/Membership.ts"
import { createWorkspace } from "../src/NewWorkspace.ts"

const cursor = Cursor.make({
  logId: LogId.make("A".repeat(22)),
  seq: Seq.make(0),
  chain: Hash.make("A".repeat(43))
})

/** A sealer of a new workspace, and how many ciphertexts it has decrypted. */
const openSealer = Effect.gen(function* () {
  const primitives = yield* Primitives
  const counted = { decryptions: 0 }
  const counting = Primitives.of({
    ...primitives,
    open: (...input) => {
      counted.decryptions += 1
      return primitives.open(...input)
    }
  })
  const made = yield* createWorkspace({ origin: "http://localhost", name: "w" })
  const store = LocalStoreMemory.layer(new MemoryDisk())
  const context = yield* Layer.build(
    EntrySealer.layer.pipe(
      Layer.provide(Membership.layer),
      Layer.provide(Layer.effectDiscard(made.install)),
      Layer.provide(store),
      Layer.provide(Layer.succeed(Primitives, counting))
    )
  )
  return { sealer: yield* Effect.provideContext(Sealer, context), counted }
})
const run = Effect.provide(Primitives.layerWebCrypto)

/** Bytes that do not compress, so that they need several parts. */
const noise = (length: number) => {
  const bytes = new Uint8Array(length)
  for (let from = 0; from < length; from += 65_536) crypto.getRandomValues(bytes.subarray(from, from + 65_536))
  return bytes
}

describe("opening", () => {
  it.effect("REPLICA-21 bytes that are no entry are held with a sentence, and the entries around them are opened", () =>
    Effect.gen(function* () {
      const { sealer } = yield* openSealer
      const item = { doc: DocId.make("D".repeat(21) + "A"), bytes: new Uint8Array([1, 2, 3]), covers: [] }
      const [sealed] = yield* sealer.seal([item], DeviceSeq.make(1), cursor)
      const good = sealed?.bytes ?? new Uint8Array(0)
      const badVersion = good.slice()
      badVersion[0] = 0
      const entries = [new Uint8Array(0), new Uint8Array(10), badVersion, new Uint8Array(2 * 1_048_576), good]
      const opened = yield* sealer.open(
        entries.map((bytes, index) => ({ seq: Seq.make(index + 1), bytes })),
        []
      )
      assert.deepStrictEqual(
        opened.map((one) => (one._tag === "Held" ? one.entry.kind : one._tag)),
        ["refused", "refused", "refused", "refused", "Item"]
      )
      for (const one of opened) if (one._tag === "Held") assert.isNotEmpty(one.entry.message)
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-22 a held part is opened once a page, and only when another part of its item comes", () =>
    Effect.gen(function* () {
      const { counted, sealer } = yield* openSealer
      const item = { doc: DocId.make("D".repeat(21) + "A"), bytes: noise(3 * 1_048_576), covers: [] }
      const sealed = yield* sealer.seal([item, { ...item, bytes: noise(100) }], DeviceSeq.make(1), cursor)
      const entries = sealed.map(({ bytes }, index) => ({ seq: Seq.make(index + 1), bytes }))
      const parts = entries.slice(0, -1)
      assert.isAtLeast(parts.length, 3)
      const held: Array<HeldEntry> = []
      // A slice of each entry, with the same held parts throughout, as the engine does within a page.
      const outcomes: Array<string> = []
      for (const entry of [...parts.slice(0, -1), ...entries.slice(-1), ...parts.slice(-1)]) {
        for (const one of yield* sealer.open([entry], held)) {
          outcomes.push(one._tag)
          if (one._tag === "Held") held.push(one.entry)
        }
      }
      assert.deepStrictEqual(outcomes, [...parts.slice(1).map(() => "Held"), "Item", "Item"])
      // Each entry as it came, and each held part but the last one, which came to the others, a second time.
      assert.strictEqual(counted.decryptions, entries.length + parts.length - 1)
    }).pipe(run, Effect.scoped)
  )
})
