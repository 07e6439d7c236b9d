/**
 * The worker's answers to the page. One workspace is open at a time; opening another closes it.
 *
 * Rules: docs/spec/browser.md.
 */
import type { CryptoUnsupported, InsecureContext } from "@tidemark/crypto"
import type { Workspace } from "@tidemark/model"
import type { Role, WorkspaceId } from "@tidemark/protocol"
import { Membership, type NewWorkspace, RareParts, type Replica, ServerHttp, ShareFailed } from "@tidemark/replica"
import type { LocalStore, StoreFailed } from "@tidemark/sync"
import { Effect, Exit, Layer, Scope, Stream } from "effect"
import { workspaceClosed, WorkspaceNotHere } from "./BrowserErrors.ts"
import { openInWorker, type OpenWorkspace, type Platform } from "./OpenWorkspace.ts"
import { holdLock } from "./WebLock.ts"
import { WorkspaceRpc } from "./WorkspaceRpc.ts"

/** Where workspaces are kept on this device. */
export interface WorkspaceShelf {
  /** The store of a workspace, made where it does not exist. */
  readonly store: (workspace: WorkspaceId) => Layer.Layer<LocalStore, StoreFailed>
  readonly has: (workspace: WorkspaceId) => Effect.Effect<boolean, StoreFailed>
  /** Puts a workspace on the list of this device, or renames it there. */
  readonly register: (entry: {
    readonly workspace: WorkspaceId
    readonly origin: string
    readonly name: string
    readonly role: Role
  }) => Effect.Effect<void, StoreFailed>
}

export interface WorkerCallsOptions {
  readonly schema: Workspace
  readonly shelf: WorkspaceShelf
  readonly locks: LockManager
  /** Built once, at the first call that needs it, so that an insecure context is an error of that call. */
  readonly platform: Layer.Layer<Platform, InsecureContext | CryptoUnsupported>
}

/** The handlers of `WorkspaceRpc`. */
export const layerWorkerCalls = (options: WorkerCallsOptions) =>
  WorkspaceRpc.toLayer(
    Effect.gen(function* () {
      const { locks, schema, shelf } = options
      const life = yield* Effect.scope
      let open: { readonly workspace: OpenWorkspace; readonly scope: Scope.Closeable } | undefined

      const opened = Effect.suspend(() =>
        open === undefined ? Effect.fail(workspaceClosed()) : Effect.succeed(open.workspace)
      )

      const withReplica = <A, F>(use: (replica: Replica["Service"]) => Effect.Effect<A, F>) =>
        opened.pipe(
          Effect.flatMap(({ replica }) => replica),
          Effect.flatMap(use)
        )

      const close = Effect.suspend(() => {
        const closing = open
        open = undefined
        return closing === undefined ? Effect.void : Scope.close(closing.scope, Exit.void)
      })

      const install = Effect.fnUntraced(function* (made: NewWorkspace, origin: string, name: string) {
        const { workspace } = made
        const role = yield* Effect.andThen(made.install, roleHere).pipe(Effect.provide(shelf.store(workspace)))
        yield* shelf.register({ workspace, origin, name, role })
        return workspace
      })

      return WorkspaceRpc.of({
        hello: ({ lifeLock }) => Effect.asVoid(Scope.provide(holdLock(locks, lifeLock, { steal: false }), life)),
        create: ({ name, origin }) =>
          Effect.flatMap(RareParts, ({ newWorkspace }) => newWorkspace).pipe(
            Effect.flatMap(({ createWorkspace }) => createWorkspace({ origin, name })),
            Effect.flatMap((made) => install(made, origin, name)),
            Effect.provide(options.platform)
          ),
        join: Effect.fnUntraced(function* ({ link: text, name, origin }) {
          const { decodeLink, joinWorkspace } = yield* (yield* RareParts).newWorkspace
          const link = yield* Effect.fromResult(decodeLink(text, origin))
          const made = yield* Effect.provide(joinWorkspace({ link, name }), ServerHttp.layer(link.origin))
          return yield* install(made, link.origin, name)
        }, Effect.provide(options.platform)),
        open: Effect.fnUntraced(function* ({ page, tab, workspace }) {
          yield* close
          if (!(yield* shelf.has(workspace))) return yield* notHere()
          const scope = yield* Scope.fork(life)
          const store = shelf.store(workspace)
          const result = yield* Layer.buildWithScope(options.platform, scope).pipe(
            Effect.flatMap((platform) =>
              Effect.provide(openInWorker({ schema, workspace, tab, page, locks, store }), platform)
            ),
            Scope.provide(scope),
            Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
          )
          open = { workspace: result, scope }
          return result.identity
        }),
        change: ({ changes }) => withReplica((replica) => replica.change(changes)),
        status: () => Stream.unwrap(Effect.map(opened, ({ status }) => status)),
        share: (how) => withReplica((replica) => replica.share(how)),
        access: () =>
          Effect.gen(function* () {
            const { device } = yield* withReplica((replica) => Effect.mapError(replica.identity, shareFailed))
            const { devices, grants } = yield* withReplica((replica) => replica.access)
            const marked = devices.map((one) => ({ ...one, isThisDevice: one.device === device }))
            return { devices: marked, grants }
          }),
        revoke: ({ target }) => withReplica((replica) => replica.revoke(target)),
        whereIs: ({ target }) =>
          withReplica((replica) => ("edit" in target ? replica.whereIs(target.edit) : replica.whereIsRow(target))),
        check: () => Stream.unwrap(Effect.map(withReplica(Effect.succeed), (replica) => replica.check)),
        devices: () => withReplica((replica) => replica.devices),
        held: () => withReplica((replica) => replica.held),
        syncNow: () => Effect.flatMap(opened, (workspace) => workspace.syncNow),
        pageChanged: (page) => Effect.flatMap(opened, (workspace) => workspace.pageChanged(page)),
        close: () => close
      })
    })
  )

const shareFailed = ({ message }: StoreFailed) => new ShareFailed({ reason: "store", message })

/** This device's role, as the installed roster says. */
const roleHere = Effect.gen(function* () {
  const { identity, roster } = yield* Membership
  const { device } = yield* identity
  return (yield* roster).devices.get(device)?.role ?? "reader"
}).pipe(Effect.provide(Membership.layer))

const notHere = () =>
  new WorkspaceNotHere({
    message:
      "This device does not have that workspace: it was removed here, or the browser cleared its storage. Join it again by a link from another device."
  })
