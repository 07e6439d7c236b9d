/**
 * The page's handle to one open workspace: rows to read, changes to send, the status to show.
 *
 * Every promise settles: resolved when the thing is durable or done, or rejected with one of our typed errors, also when
 * the worker dies meanwhile [WORKER-2]. Made by `openWorkspace`. Rules: docs/spec/browser.md.
 */
import type { Workspace } from "@tidemark/model"
import type { WorkspaceId } from "@tidemark/protocol"
import type { Change, Changed, CheckReport, CheckStep, DeviceProgress, Whereabouts } from "@tidemark/replica"
import type { EditId, RowRef, StoreFailed, SyncStatus } from "@tidemark/sync"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import type { RpcClientError } from "effect/rpc"
import { workerStopped, type WorkspaceClosed, workspaceClosed } from "./BrowserErrors.ts"
import { checkBrowser } from "./BrowserSupport.ts"
import { openTables, type ReceiptQueries } from "./internal/openTables.ts"
import { pageState, watchPage } from "./PageEvents.ts"
import type { ReadonlyTables } from "./ReadonlyTable.ts"
import { type WorkspaceMutations, workspaceMutations } from "./RecordMutations.ts"
import type { RowsObservable } from "@tidemark/store-dexie"
import { type StoragePromise, watchStoragePersistence } from "./StoragePersistence.ts"
import { makeUnsavedChanges, type Unsaved } from "./UnsavedChanges.ts"
import type { Watched } from "./Watched.ts"
import type { SpawnWorker, WorkspaceClient } from "./WorkerSession.ts"
import { connectWorkspace, type WorkspaceConnection } from "./WorkspaceConnection.ts"
import type { Access, HeldShown, Identity, RevokeTarget, ShareOptions } from "./WorkspaceRpc.ts"

export interface WorkspaceHandle<W extends Workspace = Workspace> {
  readonly identity: Identity
  /** The rows, to read once. A query on a database that was just lost rejects; the next one opens it again. */
  readonly tables: ReadonlyTables<W>
  /** What a query over the rows resolves to, again after each change of any tab, and after the database was lost [TAB-16]. */
  readonly watch: <A>(query: (tables: ReadonlyTables<W>) => Promise<A> | A) => RowsObservable<A>
  /** One change a call, typed by the schema. */
  readonly mutations: WorkspaceMutations<W>
  /**
   * Several changes at once: on disk together, or refused together [TAB-2]. Resolves to the records' ids, in order, and the
   * edit's name. Where the disk is full it stays open until there is room, and the changes are among `unsaved` [TAB-17].
   */
  readonly change: (changes: ReadonlyArray<Change>) => Promise<Changed>
  /** Changes that are in this page's memory only; undefined where there are none. Warn the user before the page goes. */
  readonly unsaved: Watched<Unsaved | undefined>
  /** Tries to store them now. */
  readonly saveNow: () => void
  /** Where an edit is: on this device, on the server or why not yet, on each other device. A row: its edits together. */
  readonly whereIs: (target: { readonly edit: EditId } | RowRef) => Promise<Whereabouts>
  /** How far each device has come, by its own word; this one first. `receipts.devicesMoved` tells when to ask again. */
  readonly devices: () => Promise<ReadonlyArray<DeviceProgress>>
  /** Which rows have edits without a receipt, told again after each change. */
  readonly receipts: ReceiptQueries
  /** Never `synced` while an edit of this device waits [TAB-5]. */
  readonly status: Watched<SyncStatus>
  /** Whether the browser promised to keep this site's storage; asked for after the first change [TAB-12]. */
  readonly storage: Watched<StoragePromise>
  /** Resolves to a link that lets devices join. Needs the network once. */
  readonly share: (options: ShareOptions) => Promise<string>
  readonly access: () => Promise<Access>
  readonly revoke: (target: RevokeTarget) => Promise<void>
  /** Entries that are kept but not shown in the rows, and why. */
  readonly held: () => Promise<ReadonlyArray<HeldShown>>
  /** Looks at everything stored on this device, heals what can be healed, tells how far it is, and resolves to the report [CHECK-13]. */
  readonly check: (told: (step: CheckStep) => void) => Promise<CheckReport>
  /** Asks the syncing tab to sync now. */
  readonly syncNow: () => Promise<void>
  /** Gives leases and locks back and stops the worker. The handle is of no use afterwards. */
  readonly close: () => Promise<void>
}

export interface OpenWorkspaceOptions<W extends Workspace> {
  readonly schema: W
  /** Starts the app's worker; called again when one died. */
  readonly worker: SpawnWorker
  readonly id: WorkspaceId
}

/** How long a closing tab waits for its worker to give leases and locks back, before it ends the worker anyway. */
const closeMillisMax = "2 seconds"

/** Opens a workspace of this device. Rejects with a typed error and a sentence for the user. */
export const openWorkspace = <W extends Workspace>(options: OpenWorkspaceOptions<W>): Promise<WorkspaceHandle<W>> =>
  Effect.runPromise(
    Effect.gen(function* () {
      yield* checkBrowser(globalThis)
      const scope = yield* Scope.make()
      return yield* openIn(scope, options).pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    })
  )

const openIn = Effect.fnUntraced(function* <W extends Workspace>(
  scope: Scope.Closeable,
  { id, schema, worker }: OpenWorkspaceOptions<W>
) {
  let page = pageState(globalThis, false)
  const connection = yield* connectWorkspace({
    worker,
    locks: globalThis.navigator.locks,
    workspace: id,
    page: () => page
  })
  const rows = yield* openTables(schema, id, (message) => connection.troubled({ rows: message }))
  const closed = yield* Deferred.make<never, WorkspaceClosed>()
  let isClosing = false

  /** A call to whichever worker serves the workspace now; once the handle is closed, every call fails. */
  const ask = <A, E>(use: (client: WorkspaceClient) => Effect.Effect<A, E | RpcClientError.RpcClientError>) =>
    Effect.raceFirst(
      Deferred.await(closed),
      Effect.flatMap(connection.session, ({ call }) => call(use))
    )

  const stopWatching = watchPage(
    globalThis,
    (state) => {
      page = state
      if (!state.frozen) connection.thawed()
      // A worker that is just being started reads `page` when it opens. One that starts later is told what is true then:
      // that the page was once about to be frozen would close the workspace under the first change after the thaw.
      Effect.runFork(Effect.ignore(ask((client) => client.pageChanged(page))))
    },
    () => {
      rows.freezing()
      connection.freezing()
    }
  )
  yield* Effect.addFinalizer(() => Effect.sync(stopWatching))

  const storage = watchStoragePersistence(globalThis.navigator.storage)
  const {
    change: save,
    saveNow,
    unsaved
  } = yield* makeUnsavedChanges((changes) => ask((client) => client.change({ changes })))
  const stopTelling = unsaved.subscribe(() => {
    const now = unsaved.current()
    connection.troubled({ unsaved: now && { count: now.calls.length, message: now.message } })
  })
  yield* Effect.addFinalizer(() => Effect.sync(stopTelling))
  const change: WorkspaceHandle["change"] = async (changes) => {
    const changed = await Effect.runPromise(Effect.raceFirst(Deferred.await(closed), save(changes)))
    storage.contentWritten()
    return changed
  }

  const close = Effect.suspend(() => {
    if (isClosing) return Effect.void
    isClosing = true
    return connection.session.pipe(
      Effect.flatMap(({ call }) => call<void, never>((client) => client.close())),
      Effect.timeout(closeMillisMax),
      Effect.ignore,
      Effect.andThen(Deferred.fail(closed, workspaceClosed())),
      Effect.andThen(Scope.close(scope, Exit.void))
    )
  })

  const handle: WorkspaceHandle<W> = {
    identity: connection.identity,
    tables: rows.tables,
    watch: rows.watch,
    unsaved,
    saveNow,
    mutations: workspaceMutations(schema, change),
    change,
    whereIs: (target) => Effect.runPromise(ask((client) => client.whereIs({ target }))),
    devices: () => Effect.runPromise(ask((client) => client.devices())),
    receipts: rows.receipts,
    status: connection.status,
    storage: storage.promise,
    share: (how) => Effect.runPromise(ask((client) => client.share(how))),
    access: () => Effect.runPromise(ask((client) => client.access())),
    revoke: (target) => Effect.runPromise(ask((client) => client.revoke({ target }))),
    check: (told) => Effect.runPromise(Effect.raceFirst(Deferred.await(closed), runCheck(connection, told))),
    held: () => Effect.runPromise(ask((client) => client.held())),
    syncNow: () => Effect.runPromise(ask((client) => client.syncNow())),
    close: () => Effect.runPromise(close)
  }
  return handle
})

/** Runs a check to its report, and has what only the server can heal fetched at once. */
const runCheck = Effect.fnUntraced(function* (connection: WorkspaceConnection, told: (step: CheckStep) => void) {
  const { call, stream } = yield* connection.session
  let report: CheckReport | undefined
  yield* Stream.runForEach(
    stream((client) => client.check()),
    (step) =>
      Effect.sync(() => {
        if (step._tag === "Checked") report = step.report
        told(step)
      })
  )
  if (report === undefined) return yield* workerStopped(true)
  const isOpen = [...report.found, ...report.open].some(({ healed }) => healed === undefined)
  if (isOpen) yield* Effect.ignore(call<void, StoreFailed | WorkspaceClosed>((client) => client.syncNow()))
  return report
})
