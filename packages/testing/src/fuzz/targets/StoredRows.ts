/**
 * Fuzzes what a device reads back from its SQLite file: each input puts one hostile value into one column, reads
 * everything, and puts the honest value back. An input is JSON: table, column and value.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { Effect, Exit, Result, Schema, Scope } from "effect"
import { bytesToId, DeviceId, DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import { LocalStoreSqlite } from "@tidemark/store-sqlite"
import type { Batch, StoreFailed } from "@tidemark/sync"
import type { SeededRandom } from "../../SeededRandom.ts"
import { type FuzzTarget, plainLimits } from "../FuzzTarget.ts"
import { mutateBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"

/** A value as JSON can say it; a whole number is text, so that it may be any of SQLite's 64 bits. */
const Hostile = Schema.fromJsonString(
  Schema.Struct({
    table: Schema.String,
    column: Schema.String,
    value: Schema.Union([
      Schema.Struct({ text: Schema.String }),
      Schema.Struct({ whole: Schema.String }),
      Schema.Struct({ bytes: Schema.String }),
      Schema.Struct({ none: Schema.Literal(true) })
    ])
  })
)
type Hostile = typeof Hostile.Type

const encodeHostile = Schema.encodeSync(Hostile)

/** Where values stand, and what an honest one looks like. */
const columns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  updates: {
    localSeq: "1",
    doc: "id",
    own: "1",
    seq: "0",
    sealedUnder: "0",
    spans: '[{"peer":"1","start":0,"end":3}]',
    bytes: ""
  },
  snapshots: { doc: "id", through: "1", bytes: "" },
  leases: { peer: "12", nonce: "abc", nextCounter: "4", holder: "tab", doc: "id" },
  meta: { value: '{"logId":"a"}', key: "sync/cursor" },
  sealed: {
    covers: "[1,2]",
    refusal: '{"reason":"r","message":"m"}',
    state: "0",
    seq: "1",
    parts: "1",
    firstSeq: "1",
    sealedAt: "5",
    bytes: ""
  },
  held: { kind: "part", doc: "id", device: "id", deviceSeq: "1", seq: "1", message: "m", bytes: "" },
  copies: { value: '{"logId":"a"}', key: "sync/cursor" },
  edits: { carrier: "1", doc: "id", spans: '[{"peer":"1","start":0,"end":3}]', rows: "[]", seq: "0" },
  rows: { json: '{"id":"a","done":1}', id: "a" }
}

const wholes = ["-1", "0", "2", "9007199254740991", "9007199254740992", "9223372036854775807", "-9223372036854775808"]

const hostileOf = (random: SeededRandom): Hostile => {
  const table = random.pick(Object.keys(columns)) ?? "meta"
  const column = random.pick(Object.keys(columns[table] ?? {})) ?? "value"
  const honest = columns[table]?.[column] ?? ""
  const text = honest.startsWith("{") || honest.startsWith("[") ? mutateJson(random, honest) : undefined
  const kind = random.weighted({
    text: 5,
    whole: /^\d+$/.test(honest) ? 8 : 1,
    bytes: honest === "" ? 5 : 0.5,
    none: 0.5
  })
  if (kind === "none") return { table, column, value: { none: true } }
  if (kind === "whole") return { table, column, value: { whole: random.pick(wholes) ?? "0" } }
  if (kind === "bytes")
    return { table, column, value: { bytes: Buffer.from(random.bytes(random.below(40))).toString("base64") } }
  const changed = Buffer.from(mutateBytes(random, Buffer.from(honest), random.between(1, 3))).toString("utf8")
  return { table, column, value: { text: text !== undefined && random.chance(0.8) ? text : changed } }
}

const sqlValue = (value: Hostile["value"]): SQLInputValue | undefined => {
  if ("none" in value) return null
  if ("bytes" in value) return new Uint8Array(Buffer.from(value.bytes, "base64"))
  if ("text" in value) return value.text
  return /^-?\d{1,19}$/.test(value.whole) ? BigInt.asIntN(64, BigInt(value.whole)) : undefined
}

const doc = DocId.make(bytesToId(new Uint8Array(16).fill(5)))
const other = DocId.make(bytesToId(new Uint8Array(16).fill(6)))
const one = DeviceSeq.make(1)

/** One row of every kind, a refused item among them. */
const honestBatch: Batch = {
  updates: [doc, other].map((of) => ({
    ...{
      doc: of,
      bytes: new Uint8Array(9),
      own: true,
      spans: [{ peer: "1", start: 0, end: 3 }],
      seq: Seq.make(0),
      rows: [{ table: "tasks", id: "a" }]
    }
  })),
  rows: [{ table: "tasks", id: "a", row: { id: "a", done: 1 } }],
  leases: [{ doc, peer: "1", nonce: "n", end: 3, holder: "tab" }],
  meta: new Map([["sync/cursor", "{}"]]),
  seal: [one, DeviceSeq.make(2)].map((deviceSeq, index) => ({
    ...{ deviceSeq, first: deviceSeq, parts: 1, doc, bytes: new Uint8Array(200), covers: [], sealedAt: 5 },
    ...(index === 0 ? {} : { refusal: { reason: "r", message: "m" } })
  })),
  hold: [
    {
      ...{ seq: Seq.make(3), kind: "refused", doc, device: DeviceId.make(doc), deviceSeq: one },
      ...{ bytes: new Uint8Array(5), message: "m" }
    }
  ],
  snapshots: [{ doc: other, through: LocalSeq.make(1), bytes: new Uint8Array(4) }]
}

/** Everything a device ever reads, each answer a value or a typed failure. */
const readAll = ({ rows, store }: LocalStoreSqlite.SqliteStore) => {
  const start = LocalSeq.make(0)
  const request = { docs: [{ doc, applied: start }], meta: ["sync/cursor"], sealed: [one, DeviceSeq.make(2)] }
  const limit = { count: 10, bytes: 10_000 }
  const reads: ReadonlyArray<Effect.Effect<unknown, StoreFailed>> = [
    ...[store.tail(doc, start), store.tail(other, start), store.docs, store.tailSize(doc), store.unsealed(10_000)],
    ...[store.sealed(limit), store.refused, store.held, store.counts, store.meta(["sync/cursor"])],
    ...[
      store.metaUnder("sync"),
      rows("tasks"),
      store.quarantined,
      store.sealedNumbers,
      store.verify(undefined),
      store.write(request, () => ({ _tag: "Abort", value: undefined }))
    ]
  ]
  return Effect.forEach(reads, (read) => Effect.result(Effect.asVoid(read)))
}

export const storedRows: FuzzTarget = {
  name: "stored rows",
  weight: 15,
  inputsPerProcess: 20_000,
  limits: plainLimits,
  prepare: async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-fuzz-store-"))
    const path = join(folder, "store.sqlite")
    const scope = Scope.makeUnsafe()
    const store = await Effect.runPromise(Scope.provide(LocalStoreSqlite.open({ path }), scope))
    await Effect.runPromise(
      store.store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch: honestBatch, value: undefined }))
    )
    const editor = new DatabaseSync(path)
    editor.exec("PRAGMA synchronous = OFF")

    /** Every table, as it was when nothing was damaged: what is damaged is set aside, which changes others. */
    const honest = ["quarantine", ...Object.keys(columns)].map((table) => {
      const saved = editor.prepare(`SELECT * FROM ${table}`)
      saved.setReadBigInts(true)
      return { table, rows: saved.all() }
    })
    const restore = () => {
      editor.exec("BEGIN IMMEDIATE")
      for (const { rows, table } of honest) {
        editor.exec(`DELETE FROM ${table}`)
        for (const row of rows) {
          const names = Object.keys(row)
          const places = names.map(() => "?").join(", ")
          editor.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`).run(...Object.values(row))
        }
      }
      editor.exec("COMMIT")
    }

    /** Puts the value into every row of the table, reads, and puts back what was there. */
    const readWith = (table: string, column: string, value: SQLInputValue) => {
      try {
        editor.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ?`).run(value)
      } catch {
        // SQLite's own types refuse the value before any decoder could meet it.
        return "refused" as const
      }
      try {
        const results = Effect.runSync(readAll(store))
        const isSound = editor.prepare("SELECT 1 FROM quarantine").get() === undefined
        return isSound && results.every(Result.isSuccess) ? ("accepted" as const) : ("refused" as const)
      } finally {
        restore()
      }
    }

    return {
      input: (random) => Buffer.from(encodeHostile(hostileOf(random)), "utf8"),
      run: (input) => {
        const hostile = Schema.decodeUnknownResult(Hostile)(Buffer.from(input).toString("utf8"))
        if (Result.isFailure(hostile)) return "refused"
        const { column, table, value } = hostile.success
        const put = sqlValue(value)
        if (put === undefined || columns[table]?.[column] === undefined) return "refused"
        return readWith(table, column, put)
      },
      close: async () => {
        editor.close()
        await Effect.runPromise(Scope.close(scope, Exit.void))
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
}
