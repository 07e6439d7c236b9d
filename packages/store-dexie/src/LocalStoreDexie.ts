/**
 * A `LocalStore` on IndexedDB, through Dexie: the store of a browser tab's worker.
 *
 * Each call is one IndexedDB transaction with strict durability; its body is plain Dexie code, as awaiting anything else
 * would commit it early. App rows are real Dexie tables that the page queries. A lost connection is opened anew; a call that
 * had not come to `decide` is repeated on it, one that had fails with `disconnected` or `aborted` [STORE-62].
 * Rules: docs/spec/store.md.
 */
import { Dexie, type ObservabilitySet, RangeSet, rangesOverlap } from "dexie"
import { Effect, Layer, Queue, type Scope, Stream } from "effect"
import {
  historyPrefix,
  LocalStore,
  setAsideRoundsMax,
  type StoreFailed,
  verifyStart,
  type WriteRequest,
  type WriteView
} from "@tidemark/sync"
import { makeConnection } from "./internal/connection.ts"
import { applyBatch } from "./internal/dexieBatch.ts"
import { editsOf, lostEditsOf, rowEditsOf, waitingRowsOf } from "./internal/dexieEdits.ts"
import { DamagedRow, storeFailed } from "./internal/dexieFailures.ts"
import {
  countsOf,
  metaOf,
  metaUnder,
  refusedOf,
  sealedNumbersOf,
  sealedOf,
  tailOf,
  tailSizeOf,
  unsealedOf,
  viewOf
} from "./internal/dexieReads.ts"
import { docsOf, quarantinedOf, Reading, setAside, verifyStep } from "./internal/dexieQuarantine.ts"
import { missingOf } from "./internal/dexieTallies.ts"
import { keptHeld } from "./internal/engineTables.ts"
import { makeTurns } from "./internal/turns.ts"
import { type WorkspaceDb, workspaceDbName, type WorkspaceDbOptions } from "./WorkspaceDb.ts"

/** Opens a store until the scope closes; afterwards every call fails with `disconnected` [STORE-31]. */
export const open = Effect.fnUntraced(function* (
  options: WorkspaceDbOptions
): Effect.fn.Return<LocalStore["Service"], StoreFailed, Scope.Scope> {
  const withDb = yield* makeConnection(options)
  const inTurn = makeTurns()
  // Reads take the engine's tables only, so that they never wait for the page's queries.
  const readOnce = <A>(body: (db: WorkspaceDb, reading: Reading) => Promise<A>) =>
    withDb((db) =>
      db.transaction("r", db.engineTables, async () => {
        const reading = new Reading()
        return { value: await body(db, reading), reading }
      })
    )
  // An async function each time: only then does Dexie follow what is awaited inside.
  /** What a read finds damaged is set aside, and the read is repeated: then it is not there. */
  const read = Effect.fnUntraced(function* <A>(
    body: (db: WorkspaceDb, reading: Reading) => Promise<A>,
    isForEdit = false
  ) {
    for (let round = 0; round < setAsideRoundsMax; round++) {
      const { reading, value } = yield* inTurn(isForEdit, readOnce(body))
      if (reading.isSound) return value
      yield* withDb((db) => db.transaction("rw", db.engineTables, async () => await setAside(db, reading)))
    }
    return yield* storeFailed("damaged")
  })

  /** A write failed after `decide`: what it committed, if it did, nobody was told of. */
  let isAnyUntold = false
  const write: LocalStore["Service"]["write"] = <A>(
    ...[request, decide]: Parameters<typeof LocalStore.Service.write<A>>
  ) =>
    Effect.suspend(() => {
      let isDecided = false
      // What decide throws is the caller's, even when it looks like an error of IndexedDB.
      let thrown: { readonly error: unknown } | undefined
      const decideOnce: typeof decide = (view) => {
        isDecided = true
        try {
          return decide(view)
        } catch (error) {
          thrown = { error }
          throw error
        }
      }
      const transaction = (db: WorkspaceDb) =>
        db.transaction("rw", request.rowless === true ? db.engineTables : db.tables, async () => {
          const decision = decideOnce(await soundView(db, request))
          if (decision._tag === "Abort") return { committed: false, value: decision.value, localSeqs: [] }
          return { committed: true, value: decision.value, localSeqs: await applyBatch(db, decision.batch) }
        })
      // Once `decide` has run only the caller knows what may be written again.
      return inTurn(
        request.docs.length > 0,
        withDb(transaction, () => !isDecided)
      ).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            // This transaction came after that one, whose fate is settled by now [STORE-72].
            if (isAnyUntold) tellAll()
            isAnyUntold = false
          })
        ),
        Effect.tapCause(() =>
          Effect.sync(() => {
            isAnyUntold ||= isDecided && thrown === undefined
          })
        ),
        Effect.catchCause((cause) => (thrown === undefined ? Effect.failCause(cause) : Effect.die(thrown.error)))
      )
    })

  return LocalStore.of({
    write,
    tail: (doc, applied) =>
      read(async (db, reading) => {
        // Whoever begins with a doc hears of what is missing.
        if (applied === 0 && (await missingOf(db, doc)) !== undefined) reading.missing.add(doc)
        return await tailOf(db, reading, doc, applied)
      }, true),
    docs: read(docsOf),
    tailSize: (doc) => read((db) => tailSizeOf(db, doc), true),
    unsealed: (bytesMax, except) => read((db, reading) => unsealedOf(db, reading, bytesMax, except)),
    sealed: (limit) => read((db, reading) => sealedOf(db, reading, limit)),
    refused: read(refusedOf),
    held: read(async (db, reading) => reading.all(keptHeld, await db.tm_held.orderBy("seq").toArray())),
    counts: read(countsOf),
    edits: (localSeqs) => read((db, reading) => editsOf(db, reading, localSeqs)),
    lostEdits: read(lostEditsOf),
    rowEdits: (row) => read((db, reading) => rowEditsOf(db, reading, row)),
    waitingRows: (table) => read((db, reading) => waitingRowsOf(db, reading, table)),
    meta: (keys) => read((db, reading) => metaOf(db, reading, keys)),
    metaUnder: (prefix) => read((db, reading) => metaUnder(db, reading, prefix)),
    quarantined: read(quarantinedOf),
    verify: (from = verifyStart) =>
      withDb((db) => db.transaction("rw", db.engineTables, async () => await verifyStep(db, from))),
    rowIds: (table) => withDb(async (db) => await db.table<object, string>(table).toCollection().primaryKeys()),
    sealedNumbers: read(sealedNumbersOf),
    outboxChanges: outboxChangesOf(workspaceDbName(options.workspace))
  })
})

/** The store of a workspace, closed with the layer. */
export const layer = (options: WorkspaceDbOptions): Layer.Layer<LocalStore, StoreFailed> =>
  Layer.effect(LocalStore, open(options))

/** What `decide` may see: what is damaged is set aside first. */
const soundView = async (db: WorkspaceDb, request: WriteRequest): Promise<WriteView> => {
  for (let round = 0; round < setAsideRoundsMax; round++) {
    const reading = new Reading()
    const view = await viewOf(db, reading, request)
    if (reading.isSound) return view
    await setAside(db, reading)
  }
  throw new DamagedRow("A damaged row cannot be set aside")
}

/** Has every live query of every context run again. */
const tellAll = (): void => Dexie.on.storagemutated.fire({ all: new RangeSet(-Infinity, [[]]) })

const outboxTables = ["tm_updates", "tm_sealed", "tm_held", "tm_quarantine"]
/** Notes on docs with holes: where one goes, what was damaged is healed, and whoever watches has to hear of it. */
const notes = new RangeSet(historyPrefix, `${historyPrefix}\uffff`)

/** Dexie tells every context of this profile which parts of a database a commit touched. */
const outboxChangesOf = (name: string): Stream.Stream<void> => {
  const prefixes = outboxTables.map((table) => `idb://${name}/${table}/`)
  const ofMeta = `idb://${name}/tm_meta/`
  return Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const tell = () => void Queue.offerUnsafe(queue, undefined)
          const listener = (parts: ObservabilitySet) => {
            const isTold = ([part, keys]: readonly [string, Parameters<typeof rangesOverlap>[0]]) =>
              part === "all" ||
              prefixes.some((prefix) => part.startsWith(prefix)) ||
              (part.startsWith(ofMeta) && rangesOverlap(keys, notes))
            if (Object.entries(parts).some(isTold)) tell()
          }
          Dexie.on("storagemutated", listener)
          tell()
          return listener
        }),
        (listener) => Effect.sync(() => Dexie.on.storagemutated.unsubscribe(listener))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )
}
