/**
 * What the page asks its worker, as typed RPC: payloads and errors are schemas and reach the other side as they are.
 *
 * One worker serves one tab and one open workspace. `hello` comes first and takes the worker's life lock; `open` comes
 * before everything but `create` and `join`. Answers and payloads are small JSON; rows never travel here, the page reads
 * them from IndexedDB. Rules: docs/spec/browser.md.
 */
import { CryptoUnsupported, InsecureContext, LinkMalformed } from "@tidemark/crypto"
import { DeviceId, DocId, GrantId, Role, Seq, WorkspaceId } from "@tidemark/protocol"
import {
  Change,
  Changed,
  ChangeRefused,
  CheckStep,
  DeviceProgress,
  JoinFailed,
  ShareFailed,
  Whereabouts
} from "@tidemark/replica"
import { EditId, StoreFailed, SyncStatus } from "@tidemark/sync"
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { WorkspaceClosed, WorkspaceNotHere } from "./BrowserErrors.ts"

/** Who this device is in the workspace. `role` follows the roster, `origin` is the server's, `name` this device's word. */
export const Identity = Schema.Struct({
  workspace: WorkspaceId,
  device: DeviceId,
  /** Absent once the device was revoked. */
  role: Schema.optionalKey(Role),
  origin: Schema.String,
  name: Schema.String
})
export type Identity = typeof Identity.Type

/** What is needed to share: the role, until when (epoch milliseconds), and for how many devices. */
export const ShareOptions = Schema.Struct({ role: Role, expiresAt: Schema.Int, uses: Schema.Int })
export type ShareOptions = typeof ShareOptions.Type

/** Whom to shut out. */
export const RevokeTarget = Schema.Union([Schema.Struct({ device: DeviceId }), Schema.Struct({ grant: GrantId })])
export type RevokeTarget = typeof RevokeTarget.Type

/** The devices and links of a workspace. Times are epoch milliseconds by the server's clock. */
export const Access = Schema.Struct({
  devices: Schema.Array(
    Schema.Struct({
      device: DeviceId,
      role: Role,
      revoked: Schema.Boolean,
      isThisDevice: Schema.Boolean,
      lastSeenAt: Schema.optionalKey(Schema.Int),
      /** The device that let it in as a copy of itself: it goes with it. */
      copyOf: Schema.optionalKey(DeviceId)
    })
  ),
  grants: Schema.Array(
    Schema.Struct({
      grant: GrantId,
      role: Role,
      expiresAt: Schema.Int,
      usesLeft: Schema.Int,
      revoked: Schema.Boolean
    })
  )
})
export type Access = typeof Access.Type

/** An entry that is kept but not shown in the rows, with a sentence for the user. */
export const HeldShown = Schema.Struct({
  seq: Seq,
  kind: Schema.Literals(["tooNew", "refused"]),
  doc: DocId,
  device: DeviceId,
  message: Schema.String
})
export type HeldShown = typeof HeldShown.Type

/** What happens to the page that its worker must know. `frozen`: the browser is about to stop both. */
export const PageState = Schema.Struct({ visible: Schema.Boolean, online: Schema.Boolean, frozen: Schema.Boolean })
export type PageState = typeof PageState.Type

/** A row, by its table and id. */
export const RowRef = Schema.Struct({ table: Schema.String, id: Schema.String })
export type RowRef = typeof RowRef.Type

const noWorkspace = [WorkspaceClosed, StoreFailed] as const
const noCrypto = [InsecureContext, CryptoUnsupported] as const

export class WorkspaceRpc extends RpcGroup.make(
  /** Takes the lock of this name and keeps it: when the page gets it, the worker is dead [WORKER-1]. */
  Rpc.make("hello", { payload: { lifeLock: Schema.String } }),
  Rpc.make("create", {
    payload: { origin: Schema.String, name: Schema.String },
    success: WorkspaceId,
    error: Schema.Union([StoreFailed, ...noCrypto])
  }),
  /** `link` is a whole link, or the part after `#` of one; then `origin` says which server it belongs to. */
  Rpc.make("join", {
    payload: { link: Schema.String, origin: Schema.String, name: Schema.String },
    success: WorkspaceId,
    error: Schema.Union([JoinFailed, LinkMalformed, StoreFailed, ...noCrypto])
  }),
  Rpc.make("open", {
    payload: { workspace: WorkspaceId, tab: Schema.String, page: PageState },
    success: Identity,
    error: Schema.Union([WorkspaceNotHere, StoreFailed, ...noCrypto])
  }),
  /** Resolves when the changes are on disk, all or none [TAB-2]. */
  Rpc.make("change", {
    payload: { changes: Schema.Array(Change) },
    success: Changed,
    error: Schema.Union([ChangeRefused, ...noWorkspace])
  }),
  /** This tab's view of the status, at once and after each change. */
  Rpc.make("status", { success: SyncStatus, error: WorkspaceClosed, stream: true }),
  Rpc.make("share", {
    payload: ShareOptions,
    success: Schema.String,
    error: Schema.Union([ShareFailed, ...noWorkspace])
  }),
  Rpc.make("access", { success: Access, error: Schema.Union([ShareFailed, ...noWorkspace]) }),
  Rpc.make("revoke", { payload: { target: RevokeTarget }, error: Schema.Union([ShareFailed, ...noWorkspace]) }),
  /** Where an edit is, by its name or by the row it changed [RECEIPT-1]. */
  Rpc.make("whereIs", {
    payload: { target: Schema.Union([Schema.Struct({ edit: EditId }), RowRef]) },
    success: Whereabouts,
    error: Schema.Union(noWorkspace)
  }),
  /** How far each device has come, by its own word; this one first. */
  Rpc.make("devices", { success: Schema.Array(DeviceProgress), error: Schema.Union(noWorkspace) }),
  Rpc.make("held", { success: Schema.Array(HeldShown), error: Schema.Union(noWorkspace) }),
  /** Looks at everything stored on this device; ends with the report [CHECK-13]. */
  Rpc.make("check", { success: CheckStep, error: Schema.Union(noWorkspace), stream: true }),
  Rpc.make("syncNow", { error: Schema.Union(noWorkspace) }),
  Rpc.make("pageChanged", { payload: PageState, error: WorkspaceClosed }),
  /** Gives leases and locks back and closes the workspace. */
  Rpc.make("close", {})
) {}
