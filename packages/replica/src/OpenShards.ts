/**
 * The shard this device creates a table's records in: a new one when it is full.
 *
 * All tabs of a device share it through meta. Two tabs that open one at the same moment make two, which costs nothing but
 * a half-filled doc. Rules: docs/spec/replica.md.
 */
import { Effect, Option, Schema } from "effect"
import { bytesToId, DocId } from "@tidemark/protocol"
import type { Primitives } from "@tidemark/crypto"
import { recordsPerShardMax } from "@tidemark/model"
import type { LocalStore } from "@tidemark/sync"
import { replicaKeys } from "./Identity.ts"
import type { LiveDocs } from "./LiveDocs.ts"

const DocIdJson = Schema.fromJsonString(DocId)

export class OpenShards {
  readonly #store: LocalStore["Service"]
  readonly #primitives: Primitives["Service"]
  /** The open shard of each table, and how many records it holds with those planned but not yet committed. */
  readonly #open = new Map<string, { readonly doc: DocId; count: number }>()
  /** Shards opened since the last commit. */
  readonly #opened = new Map<string, string>()

  constructor(store: LocalStore["Service"], primitives: Primitives["Service"]) {
    this.#store = store
    this.#primitives = primitives
  }

  /** The doc for one new record of a table. */
  readonly take = Effect.fnUntraced({ self: this }, function* (this: OpenShards, table: string, live: LiveDocs) {
    const known = this.#open.get(table) ?? (yield* this.#stored(table, live))
    const open = known !== undefined && known.count < recordsPerShardMax ? known : yield* this.#openNew(table)
    open.count += 1
    this.#open.set(table, open)
    return open.doc
  })

  /** Meta entries for the shards opened since the last commit; they are committed with their first record. */
  get opened(): ReadonlyMap<string, string> {
    return this.#opened
  }

  /** A commit has written these entries. */
  settle(opened: ReadonlyMap<string, string>): void {
    for (const [key, value] of opened) if (this.#opened.get(key) === value) this.#opened.delete(key)
  }

  /** Another tab has filled the table's shard: the next record goes into a new one. */
  fill(table: string): void {
    const open = this.#open.get(table)
    if (open !== undefined) open.count = recordsPerShardMax
  }

  /** Forgets what was planned: a commit failed, and the counts are no longer known. */
  forget(): void {
    this.#open.clear()
    this.#opened.clear()
  }

  #stored = Effect.fnUntraced({ self: this }, function* (this: OpenShards, table: string, live: LiveDocs) {
    const key = replicaKeys.openShard + table
    const value = (yield* this.#store.meta([key])).get(key)
    const doc = value === undefined ? undefined : Option.getOrUndefined(Schema.decodeOption(DocIdJson)(value))
    if (doc === undefined) return undefined
    const { docs } = yield* live.warm([doc])
    const [warmed] = docs
    // One that cannot be read takes no more records.
    return warmed === undefined ? undefined : { doc, count: warmed.shard.recordCount }
  })

  #openNew = Effect.fnUntraced({ self: this }, function* (this: OpenShards, table: string) {
    const doc = DocId.make(bytesToId(yield* this.#primitives.randomBytes(16)))
    this.#opened.set(replicaKeys.openShard + table, Schema.encodeSync(DocIdJson)(doc))
    return { doc, count: 0 }
  })
}
