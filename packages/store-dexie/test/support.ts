/** What the tests of this package share: new workspaces, and faults at the border to IndexedDB. */
import { Effect } from "effect"
import { bytesToId, DocId, LocalSeq, Seq, WorkspaceId } from "@tidemark/protocol"
import type { LocalStore } from "@tidemark/sync"

export const doc = DocId.make(bytesToId(new Uint8Array(16)))
export const start = LocalSeq.make(0)

/** A workspace no other test uses. */
export const newWorkspace = Effect.sync(() => WorkspaceId.make(bytesToId(crypto.getRandomValues(new Uint8Array(16)))))

/** Appends one own update, and puts a row where a table is named. */
export const append = (store: LocalStore["Service"], table?: string, row: Record<string, unknown> = {}) =>
  store.write({ docs: [], meta: [] }, () => ({
    _tag: "Commit",
    batch: {
      updates: [{ doc, bytes: new Uint8Array(3), own: true, spans: [], seq: Seq.make(0) }],
      ...(table === undefined ? {} : { rows: [{ table, id: "1", row }] })
    },
    value: undefined
  }))

export const updateCountOf = (store: LocalStore["Service"]) =>
  Effect.map(store.tail(doc, start), ({ updates }) => updates.length)

/** What a test wants to happen where Dexie begins an IndexedDB transaction: throw, or let it begin. */
type OnTransaction = (database: IDBDatabase, options: IDBTransactionOptions | undefined) => void

/** Calls `onTransaction` at the begin of every transaction of databases opened from now on, until the scope closes. */
export const watchTransactions = (onTransaction: OnTransaction) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const original = IDBDatabase.prototype.transaction
      IDBDatabase.prototype.transaction = function (...args) {
        onTransaction(this, args[2])
        return original.apply(this, args)
      }
      return original
    }),
    (original) =>
      Effect.sync(() => {
        IDBDatabase.prototype.transaction = original
      })
  )

/** Lets every `add` of an IndexedDB object store end with the error a full disk gives, until the scope closes. */
export const fillDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const original = IDBObjectStore.prototype.add
    IDBObjectStore.prototype.add = function () {
      throw new DOMException("The quota has been exceeded.", "QuotaExceededError")
    }
    return original
  }),
  (original) =>
    Effect.sync(() => {
      IDBObjectStore.prototype.add = original
    })
)

/** A connection of an older tab that never lets go, until the scope closes. */
export const stubbornConnection = (name: string) =>
  Effect.acquireRelease(
    Effect.callback<IDBDatabase>((resume) => {
      const request = indexedDB.open(name)
      request.addEventListener("success", () => resume(Effect.succeed(request.result)))
    }),
    (database) => Effect.sync(() => database.close())
  )
