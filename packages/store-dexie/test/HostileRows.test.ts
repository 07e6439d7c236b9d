/** What a disk, another program or an older version may leave in a row: no read may die of it. */
import "fake-indexeddb/auto"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { bytesToId, DeviceId, DeviceSeq, LocalSeq, Seq } from "@tidemark/protocol"
import { LocalStoreDexie, openWorkspaceDb } from "@tidemark/store-dexie"
import type { Batch, LocalStore, StoreFailed } from "@tidemark/sync"
import { doc, newWorkspace, start } from "./support.ts"

const tables = [{ name: "tasks", indexes: "id" }]
const one = DeviceSeq.make(1)
const two = DeviceSeq.make(2)

/** A row of every kind: an edit that waits, one that is sealed, a refused item, a held entry, a snapshot. */
const batch: Batch = {
  updates: [0, 1].map(() => ({
    ...{ doc, bytes: new Uint8Array(9), own: true, spans: [{ peer: "1", start: 0, end: 3 }], seq: Seq.make(0) },
    rows: [{ table: "tasks", id: "a" }]
  })),
  rows: [{ table: "tasks", id: "a", row: { id: "a", done: 1 } }],
  leases: [{ doc, peer: "1", nonce: "n", end: 3, holder: "tab" }],
  meta: new Map([["sync/cursor", "{}"]]),
  seal: [one, two].map((deviceSeq) => ({
    ...{ deviceSeq, first: deviceSeq, parts: 1, doc, bytes: new Uint8Array(20), sealedAt: 5 },
    ...(deviceSeq === one ? { covers: [LocalSeq.make(1)] } : { covers: [], refusal: { reason: "r", message: "m" } })
  })),
  hold: [
    {
      ...{ seq: Seq.make(3), kind: "refused", doc, device: DeviceId.make(bytesToId(new Uint8Array(16))) },
      ...{ deviceSeq: one, bytes: new Uint8Array(5), message: "m" }
    }
  ],
  snapshots: [{ doc, through: start, bytes: new Uint8Array(4) }]
}

/** Values that IndexedDB can hold, and no field should. */
const hostileValues: ReadonlyArray<unknown> = [
  ...[undefined, null, Number.NaN, -1, 0.5, 2 ** 53, Infinity, 7n, true, "", "x", "__proto__", "\ud800"],
  ...[[], [null], {}, { length: 4_000_000_000 }, new Uint8Array(0), new ArrayBuffer(3), new Uint32Array(2)],
  ...[new Date(Number.NaN), new Map([[1, 2]]), /x/, new Error("stored"), [[[[[]]]]]]
]

const readAll = (store: LocalStore["Service"]) => {
  const request = { docs: [{ doc, applied: start }], meta: ["sync/cursor"], sealed: [one, two] }
  const row = { table: "tasks", id: "a" }
  const reads: ReadonlyArray<Effect.Effect<unknown, StoreFailed>> = [
    ...[store.tail(doc, start), store.docs, store.tailSize(doc), store.unsealed(10_000), store.refused, store.held],
    ...[store.sealed({ count: 10, bytes: 10_000 }), store.counts, store.edits([LocalSeq.make(1)]), store.lostEdits],
    ...[store.rowEdits(row), store.waitingRows("tasks"), store.meta(["sync/cursor"]), store.metaUnder("sync")],
    ...[store.quarantined, store.sealedNumbers, store.verify(undefined)],
    store.write(request, () => ({ _tag: "Abort", value: undefined }))
  ]
  return Effect.forEach(reads, (read) => Effect.exit(read))
}

describe("hostile rows", () => {
  it.effect(
    "STORE-52 whatever a field of a stored row holds, every read ends with an answer or a failure that has a name",
    () =>
      Effect.gen(function* () {
        const options = { workspace: yield* newWorkspace, tables }
        const store = yield* LocalStoreDexie.open(options)
        yield* store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch, value: undefined }))
        const db = yield* openWorkspaceDb(options)
        const honest = yield* Effect.promise(() =>
          Promise.all(db.engineTables.map(async (table) => ({ table, rows: await table.toArray() })))
        )
        const restore = Effect.promise(async () => {
          for (const { rows, table } of honest) {
            await table.clear()
            await table.bulkPut(rows)
          }
        })
        const defects: Array<string> = []
        let turn = 0
        let damaged = 0
        for (const { rows, table } of honest) {
          for (const field of new Set(rows.flatMap((row: object) => Object.keys(row)))) {
            // Each field gets some of the values, each value many fields.
            for (let count = 0; count < 3; count++) {
              const value = hostileValues[turn++ % hostileValues.length]
              const isPut = yield* Effect.promise(async () => {
                await table.clear()
                try {
                  await table.bulkPut(rows.map((row: object) => ({ ...row, [field]: value })))
                  return true
                } catch {
                  // No key of IndexedDB.
                  return false
                }
              })
              const exits = isPut ? yield* readAll(store) : []
              for (const exit of exits) {
                if (Exit.isFailure(exit) && Cause.hasDies(exit.cause))
                  defects.push(`${table.name}.${field} = ${String(value)}: ${Cause.pretty(exit.cause).slice(0, 300)}`)
              }
              damaged += exits.length > 0 ? 1 : 0
              yield* restore
            }
          }
        }
        assert.deepStrictEqual(defects, [])
        assert.isAbove(damaged, 100)
      }).pipe(Effect.scoped),
    20_000
  )
})
