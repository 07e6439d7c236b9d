/** What the tests of this package share: new workspaces, and faults at the border to IndexedDB. */
import { Effect } from "effect"
import { bytesToId, DocId, LocalSeq, Seq, WorkspaceId } from "@tidemark/protocol"
import { openWorkspaceDb, type WorkspaceDbOptions } from "@tidemark/store-dexie"
import type { LocalStore } from "@tidemark/sync"
import type { DamageToDo } from "@tidemark/testing/suites/LocalStoreSuite"

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
type OnTransaction = (
  database: IDBDatabase,
  options: IDBTransactionOptions | undefined,
  stores: ReadonlyArray<string>
) => void

/** Calls `onTransaction` at the begin of every transaction of databases opened from now on, until the scope closes. */
export const watchTransactions = (onTransaction: OnTransaction) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const original = IDBDatabase.prototype.transaction
      IDBDatabase.prototype.transaction = function (...args) {
        onTransaction(this, args[2], typeof args[0] === "string" ? [args[0]] : [...args[0]])
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

/** Closes a connection as a browser does on its own account. */
export const closeByForce = (database: IDBDatabase): void => {
  database.close()
  database.onclose?.(new Event("close"))
}

/** Connections that the browser has lost, as WebKit loses them: every transaction on them throws from then on. */
export interface Losses {
  /** Loses every connection there is. */
  readonly lose: () => void
  /** Whether every connection is lost, new ones included. */
  readonly loseAll: (all: boolean) => void
  readonly loseOf: (database: IDBDatabase | null) => void
  /** What was lost is usable again. */
  readonly mend: () => void
  /** How often a lost connection was tried. */
  readonly usedAfterLoss: () => number
  /** Closes every connection there is, as the browser does when its storage is cleared. */
  readonly forceClose: () => void
}

/** Until the scope closes. */
export const loseConnections = Effect.gen(function* () {
  const seen = new Set<IDBDatabase>()
  const lost = new WeakSet<IDBDatabase>()
  let isAllLost = false
  let isMended = false
  let used = 0
  yield* watchTransactions((database) => {
    seen.add(database)
    if (isMended || (!isAllLost && !lost.has(database))) return
    used += 1
    throw new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError")
  })
  const losses: Losses = {
    lose: () => seen.forEach((database) => lost.add(database)),
    loseAll: (all) => {
      isAllLost = all
    },
    loseOf: (database) => {
      if (database !== null) lost.add(database)
    },
    mend: () => {
      isMended = true
    },
    usedAfterLoss: () => used,
    forceClose: () => {
      for (const database of seen) closeByForce(database)
      seen.clear()
    }
  }
  return losses
})

/** Lets promises and the database's events go on until `isDone`. */
export const until = (isDone: () => boolean) =>
  Effect.promise(async () => {
    while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
  })

/** Lets promises and the database's events go on for a while; IndexedDB is real here, its clock is not ours. */
export const turnOver = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
})

/** Opening any database never ends, until the scope closes; tells how often it was asked for. */
export const silentOpen = Effect.acquireRelease(
  Effect.sync(() => {
    const { open } = IDBFactory.prototype
    let asked = 0
    IDBFactory.prototype.open = () => {
      asked += 1
      return new EventTarget() as IDBOpenDBRequest
    }
    return { open, asked: () => asked }
  }),
  ({ open }) =>
    Effect.sync(() => {
      IDBFactory.prototype.open = open
    })
).pipe(Effect.map(({ asked }) => asked))

export const databaseNames = Effect.promise(async () => (await indexedDB.databases()).map(({ name }) => name))

export const deleteDatabase = (name: string) =>
  Effect.callback<void>((resume) => {
    indexedDB.deleteDatabase(name).addEventListener("success", () => resume(Effect.void))
  })

type RawRow = Record<string, unknown>

/** The field that damage beside the content changes, by table. */
const fieldByTable: Readonly<Record<DamageToDo["table"], string>> = {
  updates: "seq",
  snapshots: "through",
  leases: "end",
  meta: "check",
  copies: "check",
  sealed: "sealedAt",
  held: "deviceSeq",
  edits: "seq"
}

/** Writes a record again with one bit of its content, or one number beside it, changed. */
export const damageRow = (options: WorkspaceDbOptions, { key, part, table }: DamageToDo) =>
  openWorkspaceDb(options).pipe(
    Effect.flatMap((db) =>
      Effect.promise(async () => {
        const rows = db.table<RawRow>(`tm_${table}`)
        if (part === "gone") return rows.delete(JSON.parse(key))
        const row = (await rows.get(JSON.parse(key))) ?? {}
        const field = part === "fields" ? fieldByTable[table] : "bytes" in row ? "bytes" : "value"
        await rows.put({ ...row, [field]: changed(row[field]) })
      })
    ),
    Effect.scoped,
    Effect.orDie
  )

const changed = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return value.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
  return typeof value === "number" ? value + 1 : `${String(value)} `
}

/**
 * Gives a function after which the next transaction that writes commits, and Dexie hears that it was aborted; for databases
 * opened from now on, until the scope closes.
 */
export const hidingCommits = Effect.acquireRelease(
  Effect.sync(() => {
    const original = IDBDatabase.prototype.transaction
    let isArmed = false
    IDBDatabase.prototype.transaction = function (...args) {
      const transaction = original.apply(this, args)
      if (!isArmed || transaction.mode !== "readwrite") return transaction
      isArmed = false
      // What Dexie sets there is not kept.
      Object.defineProperty(transaction, "oncomplete", { get: () => null, set() {} })
      transaction.addEventListener("complete", () => transaction.onabort?.(new Event("abort")))
      return transaction
    }
    const hideNext = () => {
      isArmed = true
    }
    return { original, hideNext }
  }),
  ({ original }) =>
    Effect.sync(() => {
      IDBDatabase.prototype.transaction = original
    })
).pipe(Effect.map(({ hideNext }) => hideNext))
