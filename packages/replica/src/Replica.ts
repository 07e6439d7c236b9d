/**
 * One workspace on one device, in one tab: what the page asks for, and the loops of the tab that syncs.
 *
 * Every tab has its own replica over the shared store. `change` works in each of them, with or without a network; `sync`
 * is run by the one that holds the lock. Rules: docs/spec/replica.md.
 */
import { Context, Effect, Layer, Option, Stream } from "effect"
import type { Socket } from "effect/socket"
import type { AccessList, DeviceId, DocId, GrantId, Role, Seq, WorkspaceId } from "@tidemark/protocol"
import { activeRole, type Primitives } from "@tidemark/crypto"
import type { Workspace } from "@tidemark/model"
import {
  type FenceLost,
  LocalStore,
  onDemand,
  type OutboxCounts,
  type RareWorks,
  type Remote,
  SealAhead,
  type Sealer,
  type StoreFailed,
  SyncEngine,
  type SyncStatus,
  withRest
} from "@tidemark/sync"
import type { Change, Changed, ChangeRefused } from "./Change.ts"
import type { CheckStep } from "./CheckReport.ts"
import { layer as layerSealer } from "./EntrySealer.ts"
import { readIdentity } from "./Identity.ts"
import { membersAnew } from "./MembersAnew.ts"
import { Membership } from "./Membership.ts"
import { RareParts } from "./RareParts.ts"
import type { Receipts } from "./Receipts.ts"
import { layerRemote } from "./RemotePort.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { layer as layerDocs } from "./ReplicaDocs.ts"
import type { ServerApi } from "./ServerApi.ts"
import { layer as layerServerHttp } from "./ServerHttp.ts"
import { ShareFailed, type ShareOptions } from "./ShareFailed.ts"
import { WritePath } from "./WritePath.ts"

/** Who this device is. The role follows the roster; a revoked device has none. */
export interface Identity {
  readonly workspace: WorkspaceId
  readonly device: DeviceId
  readonly role: Role | undefined
  readonly origin: string
  readonly name: string
}

/** An entry that is kept but could not be applied, as the user sees it. */
export interface HeldNotice {
  readonly seq: Seq
  readonly kind: "refused" | "tooNew"
  readonly doc: DocId
  readonly device: DeviceId
  readonly message: string
}

/** The app's schema, and a random text that names this tab. */
export interface ReplicaOptions {
  readonly schema: Workspace
  readonly tab: string
}

export class Replica extends Context.Service<
  Replica,
  {
    readonly identity: Effect.Effect<Identity, StoreFailed>
    /** Commits changes, all or none; durable when it returns. Answers with the records touched, and the edit's name. */
    readonly change: (changes: ReadonlyArray<Change>) => Effect.Effect<Changed, ChangeRefused | StoreFailed>
    /** This replica's engine; meaningful in the tab that syncs. Begins with the present value. */
    readonly status: Stream.Stream<SyncStatus>
    /** What waits in the store, whoever wrote it. Begins with the present value. Damage it tells of is mended meanwhile. */
    readonly counts: Stream.Stream<OutboxCounts, StoreFailed>
    /** The engine's loops. Ends only with `FenceLost` (another tab syncs now); whatever else goes wrong shows in the status. */
    readonly sync: Effect.Effect<never, FenceLost>
    /** Tries now what waits for its time. */
    readonly syncNow: Effect.Effect<void>
    readonly networkChanged: (online: boolean) => Effect.Effect<void>
    readonly share: (options: ShareOptions) => Effect.Effect<string, ShareFailed>
    readonly access: Effect.Effect<AccessList, ShareFailed>
    readonly revoke: (
      target: { readonly device: DeviceId } | { readonly grant: GrantId }
    ) => Effect.Effect<void, ShareFailed>
    /** Where an edit is: here, on the server, on each other device [RECEIPT-1]. */
    readonly whereIs: Receipts["whereIs"]
    readonly whereIsRow: Receipts["whereIsRow"]
    /** How far each device has come, by its own word. */
    readonly devices: Receipts["devices"]
    readonly held: Effect.Effect<ReadonlyArray<HeldNotice>, StoreFailed>
    /** Looks at everything stored here, heals what can be healed, and ends with a report [CHECK-13]. */
    readonly check: Stream.Stream<CheckStep, StoreFailed>
    /** Gives this tab's leases back: a clean close. No change may follow. */
    readonly release: Effect.Effect<void, StoreFailed>
  }
>()("@tidemark/replica/Replica") {
  /** Over whatever server is given. Fails where the store holds no installed workspace. */
  static readonly layer = (
    options: ReplicaOptions
  ): Layer.Layer<Replica, StoreFailed, LocalStore | Primitives | ServerApi | RareParts | RareWorks> =>
    Layer.effect(
      Replica,
      Effect.suspend(() => makeReplica())
    ).pipe(
      Layer.provide(SyncEngine.layer),
      Layer.provide(layerDocs),
      Layer.provide([layerRemote, layerSealer]),
      Layer.provide([RemoteSession.layer, layerWritePath(options)]),
      Layer.provide(SealAhead.layer.pipe(Layer.provide(layerSealer))),
      Layer.provide(Layer.unwrap(Effect.as(membersAnew, Membership.layer)))
    )

  /** Over the server the workspace was created or joined with. */
  static readonly layerHttp = (
    options: ReplicaOptions
  ): Layer.Layer<Replica, StoreFailed, LocalStore | Primitives | Socket.WebSocketConstructor | RareParts | RareWorks> =>
    Replica.layer(options).pipe(Layer.provide(layerHomeServer))
}

/** The server named in the stored identity. */
const layerHomeServer = Layer.unwrap(Effect.map(readIdentity(), ({ origin }) => layerServerHttp(origin)))

const layerWritePath = ({ schema, tab }: ReplicaOptions) =>
  Layer.unwrap(Effect.map(Membership, ({ keyring }) => WritePath.layer({ schema, tab, idKey: keyring.idKey })))

const makeReplica = Effect.fnUntraced(function* () {
  const store = yield* LocalStore
  const membership = yield* Membership
  const path = yield* WritePath
  const engine = yield* SyncEngine
  const parts = yield* RareParts
  const services = yield* Effect.context<
    Membership | RemoteSession | Remote | ServerApi | LocalStore | Primitives | WritePath | Sealer
  >()
  const repair = yield* onDemand(
    Effect.flatMap(parts.selfRepair, ({ makeSelfRepair }) => Effect.provideContext(makeSelfRepair(), services))
  )
  const receipts = yield* onDemand(
    Effect.flatMap(parts.receipts, ({ makeReceipts }) => Effect.provideContext(makeReceipts(), services))
  )
  const sharing = yield* onDemand(
    Effect.flatMap(parts.sharing, ({ makeSharing }) => Effect.provideContext(makeSharing(), services)).pipe(
      Effect.mapError(({ message }) => new ShareFailed({ reason: "store", message }))
    )
  )

  const identity = Effect.gen(function* (): Effect.fn.Return<Identity, StoreFailed> {
    const { device, name, origin, workspace } = yield* membership.identity
    // While the list of members is lost nobody can say which role this device has.
    const roster = yield* Effect.option(membership.roster)
    const role = Option.isSome(roster) ? activeRole(roster.value, device) : undefined
    return { workspace, device, role, origin, name }
  })

  const held = Effect.map(store.held, (entries) =>
    entries.flatMap(({ device, doc, kind, message, seq }): ReadonlyArray<HeldNotice> =>
      kind === "part" ? [] : [{ seq, kind, doc, device, message }]
    )
  )

  return Replica.of({
    identity,
    change: path.change,
    status: engine.statusChanges,
    counts: Stream.flatMap(store.outboxChanges, () =>
      Stream.unwrap(
        Effect.map(
          withRest(store.counts, ({ sealed, unsealed }) => sealed + unsealed > 0),
          ({ counted, rest }) => Stream.concat(Stream.succeed(counted), Stream.fromEffectDrain(rest))
        )
      )
    ).pipe(
      Stream.tap(({ damaged }) =>
        damaged === 0 ? Effect.void : Effect.ignore(Effect.flatMap(repair, ({ mend }) => mend))
      )
    ),
    sync: engine.run,
    syncNow: engine.syncNow,
    networkChanged: engine.networkChanged,
    share: (options) => Effect.flatMap(sharing, ({ share }) => share(options)),
    access: Effect.flatMap(sharing, ({ access }) => access),
    revoke: (target) => Effect.flatMap(sharing, ({ revoke }) => revoke(target)),
    whereIs: (edit) => Effect.flatMap(receipts, ({ whereIs }) => whereIs(edit)),
    whereIsRow: (row) => Effect.flatMap(receipts, ({ whereIsRow }) => whereIsRow(row)),
    devices: Effect.flatMap(receipts, ({ devices }) => devices),
    held,
    check: Stream.unwrap(Effect.map(repair, ({ check }) => check)),
    release: path.release
  })
})
