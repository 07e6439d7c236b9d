/**
 * The whole byte store without a transport: the endpoints of `SyncApi` as methods.
 *
 * `SyncHttp.ts` adapts it to HTTP and `LiveSocket.ts` to WebSocket; the simulated World calls it as it is. A caller comes
 * from `authenticate`; its token's workspace must be the one of the path. Frames are the protocol's bytes, so that every
 * way in passes the same decoders. Rules: docs/spec/server.md.
 */
import { Clock, Context, Effect, Layer, Queue, type Scope } from "effect"
import {
  type AccessList,
  batchBytesMax,
  type CallerShape,
  type CheckpointNaming,
  type CheckpointVerdict,
  type ClientMessage,
  cursorHintMillis,
  cursorReportsPerSecondMax,
  decodePush,
  type DeviceCursors,
  type DeviceId,
  type DocId,
  type DocTailSize,
  encodeDocPage,
  encodePage,
  encodeRosterPage,
  type Forbidden,
  type Founding,
  type GoodbyeError,
  type LogForked,
  type LogHead,
  type Malformed,
  negotiateVersion,
  type OpenCheckpoint,
  type Proof,
  protocolRange,
  type ProtocolRange,
  type PushAnswer,
  type RateLimited,
  type RefillAnswer,
  type RosterMoved,
  type RosterNumber,
  type SignedCursor,
  type StatementRefused,
  type StatementText,
  type StorageFailed,
  TooLarge,
  type Unauthorized,
  VersionUnsupported,
  type WorkspaceId,
  type WorkspaceUnknown
} from "@tidemark/protocol"
import { Access } from "./Access.ts"
import { Checkpoints } from "./Checkpoints.ts"
import { Callers, requireDevice, requireWorkspace } from "./Callers.ts"
import { FanOut } from "./FanOut.ts"
import { makeTokenBuckets } from "./internal/tokenBucket.ts"
import { Live, type LiveSession, type Sink } from "./Live.ts"
import { Log, type ReadDocFrom, type ReadFrom } from "./Log.ts"
import { RefillLeases } from "./RefillLeases.ts"
import { Roster } from "./RosterStore.ts"
import { Tokens } from "./Tokens.ts"

type StatementErrors =
  | Malformed
  | TooLarge
  | StatementRefused
  | RosterMoved
  | Forbidden
  | WorkspaceUnknown
  | StorageFailed

/** Where a request without a token comes from (an address), for its rate limit. */
export interface From {
  readonly from: string
}

/** A request of an authorized route: who asks, and the workspace of its path. */
export interface Asked {
  readonly caller: CallerShape
  readonly workspace: WorkspaceId
}

export class SyncService extends Context.Service<
  SyncService,
  {
    readonly hello: Effect.Effect<{
      readonly service: "tidemark"
      readonly protocol: ProtocolRange
      readonly serverTime: number
    }>
    /** Whether the client's version, as its header says, is one this server speaks. */
    readonly checkVersion: (header: string | undefined) => Effect.Effect<void, VersionUnsupported>
    /** The caller behind a token; every authorized method wants one. */
    readonly authenticate: Callers["Service"]["authenticate"]
    readonly challenge: (
      input: From
    ) => Effect.Effect<{ readonly challenge: string; readonly expiresInMillis: number }, RateLimited>
    readonly found: (input: Founding & From) => ReturnType<Access["Service"]["found"]>
    readonly renew: (
      input: { readonly workspace: WorkspaceId; readonly device: DeviceId; readonly proof: Proof } & From
    ) => ReturnType<Access["Service"]["renew"]>
    readonly grant: (
      asked: Asked & { readonly statement: StatementText }
    ) => Effect.Effect<{ readonly accessToken: string; readonly number: RosterNumber }, StatementErrors>
    readonly admit: (
      asked: Asked & { readonly statement: StatementText; readonly proof: Proof }
    ) => Effect.Effect<
      Effect.Success<ReturnType<Access["Service"]["admit"]>>,
      StatementErrors | Unauthorized | RateLimited
    >
    readonly revoke: (
      asked: Asked & { readonly statement: StatementText }
    ) => Effect.Effect<{ readonly number: RosterNumber }, StatementErrors>
    /** A roster frame. */
    readonly roster: (
      asked: Asked & { readonly after: RosterNumber }
    ) => Effect.Effect<Uint8Array, WorkspaceUnknown | StorageFailed>
    readonly list: (asked: Asked) => Effect.Effect<AccessList, Forbidden | WorkspaceUnknown | StorageFailed>
    readonly head: (asked: Asked) => Effect.Effect<LogHead, WorkspaceUnknown | StorageFailed>
    /** Takes a push frame. */
    readonly push: (
      asked: Asked & { readonly frame: Uint8Array }
    ) => Effect.Effect<PushAnswer, Malformed | TooLarge | Forbidden | WorkspaceUnknown | StorageFailed>
    /** A page frame. */
    readonly pull: (
      asked: Asked & ReadFrom
    ) => Effect.Effect<Uint8Array, Forbidden | LogForked | WorkspaceUnknown | StorageFailed>
    /** A doc page frame [LOG-14]. */
    readonly doc: (
      asked: Asked & ReadDocFrom
    ) => Effect.Effect<Uint8Array, Forbidden | LogForked | WorkspaceUnknown | StorageFailed>
    /** Leases the right to refill the log to an editor's device, or takes it back [AMNESIA-7]. */
    readonly refill: (
      asked: Asked & { readonly done: boolean }
    ) => Effect.Effect<RefillAnswer, Forbidden | WorkspaceUnknown | StorageFailed>
    /** What a newcomer reads of a doc behind its last checkpoint. */
    readonly tail: (
      asked: Asked & { readonly doc: DocId }
    ) => Effect.Effect<DocTailSize, Forbidden | WorkspaceUnknown | StorageFailed>
    /** Checkpoints that wait for another device's word [COMPACT-3]. */
    readonly checkpoints: (
      asked: Asked
    ) => Effect.Effect<ReadonlyArray<OpenCheckpoint>, Forbidden | WorkspaceUnknown | StorageFailed>
    /** Takes down a checkpoint the asking device has pushed [COMPACT-2]. */
    readonly nameCheckpoint: (
      asked: Asked & { readonly naming: CheckpointNaming }
    ) => Effect.Effect<{ readonly named: boolean }, Forbidden | WorkspaceUnknown | StorageFailed>
    /** Takes down what the asking device says of another's checkpoint [COMPACT-3]. */
    readonly judgeCheckpoint: (
      asked: Asked & { readonly verdict: CheckpointVerdict }
    ) => Effect.Effect<void, Forbidden | WorkspaceUnknown | StorageFailed>
    /** Keeps how far the asking device has come, and tells the others that there is news [CURSOR-4]. */
    readonly report: (
      asked: Asked & { readonly signed: SignedCursor }
    ) => Effect.Effect<void, Forbidden | RateLimited | WorkspaceUnknown | StorageFailed>
    /** How far each device said last it has come [CURSOR-5]. */
    readonly cursors: (asked: Asked) => Effect.Effect<DeviceCursors, Forbidden | WorkspaceUnknown | StorageFailed>
    /** Opens a live session until the scope closes. */
    readonly live: (
      hello: Extract<ClientMessage, { readonly _tag: "Hello" }>,
      sink: Sink
    ) => Effect.Effect<LiveSession, typeof GoodbyeError.Type, Scope.Scope>
  }
>()("@tidemark/server/SyncService") {
  static readonly layer = Layer.suspend(() => Layer.effect(SyncService, makeSyncService))
}

/** Workspaces with reports that connected devices have yet to hear of; the hint for more than these is dropped. */
const reportedCountMax = 4_096

/** The device of a caller that has one; a link's token asks for itself alone. */
const deviceOf = (caller: CallerShape): DeviceId | undefined =>
  caller.subject._tag === "Device" ? caller.subject.device : undefined

const makeSyncService = Effect.gen(function* () {
  const access = yield* Access
  const checkpoints = yield* Checkpoints
  const callers = yield* Callers
  const fanOut = yield* FanOut
  const live = yield* Live
  const log = yield* Log
  const refills = yield* RefillLeases
  const roster = yield* Roster
  const tokens = yield* Tokens

  const takeReport = makeTokenBuckets(cursorReportsPerSecondMax)
  const reported = yield* Queue.sliding<WorkspaceId>(reportedCountMax)
  // However many devices report, the others hear of it once in `cursorHintMillis`.
  yield* Queue.take(reported).pipe(
    Effect.tap(() => Effect.sleep(cursorHintMillis)),
    Effect.flatMap((first) => Effect.map(Queue.clear(reported), (rest) => new Set([first, ...rest]))),
    Effect.flatMap((moved) => Effect.forEach(moved, (one) => fanOut.publishCursors(one), { discard: true })),
    Effect.forever,
    Effect.forkScoped
  )

  const checkVersion = Effect.fnUntraced(function* (header: string | undefined) {
    const version = Number(header)
    if (Number.isInteger(version) && negotiateVersion(protocolRange, { min: version, max: version }) !== undefined)
      return
    const message =
      `This server speaks versions ${protocolRange.min} to ${protocolRange.max} of the protocol. ` +
      `Update the app (or the server); what you write stays on this device until then.`
    return yield* new VersionUnsupported({ ...protocolRange, message })
  })

  return SyncService.of({
    hello: Effect.map(Clock.currentTimeMillis, (serverTime) => ({
      service: "tidemark",
      protocol: protocolRange,
      serverTime
    })),
    checkVersion,
    authenticate: callers.authenticate,
    challenge: Effect.fn("SyncService.challenge")(function* ({ from }) {
      yield* callers.countEntrance(from)
      return yield* tokens.challenge
    }),
    found: Effect.fn("SyncService.found")(function* ({ from, ...input }) {
      yield* callers.countEntrance(from)
      return yield* access.found(input)
    }),
    renew: Effect.fn("SyncService.renew")(function* ({ from, workspace, ...input }) {
      yield* callers.countEntrance(from)
      return yield* access.renew(workspace, input)
    }),
    grant: Effect.fn("SyncService.grant")(function* ({ caller, statement, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return yield* access.grant(caller, statement)
    }),
    admit: Effect.fn("SyncService.admit")(function* ({ caller, proof, statement, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return yield* access.admit(caller, { statement, proof })
    }),
    revoke: Effect.fn("SyncService.revoke")(function* ({ caller, statement, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return yield* access.revoke(caller, statement)
    }),
    roster: Effect.fn("SyncService.roster")(function* ({ after, caller, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return encodeRosterPage(yield* roster.read(workspace, after))
    }),
    list: Effect.fn("SyncService.list")(function* ({ caller, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return yield* access.list(caller)
    }),
    head: Effect.fn("SyncService.head")(function* ({ caller, workspace }) {
      yield* requireWorkspace(caller, workspace)
      const head = yield* log.head(workspace, deviceOf(caller))
      const state = yield* roster.stateAt(workspace, head.roster)
      // Another statement may have come in between: then it is told with its own number the next time.
      return state.number === head.roster ? { ...head, rosterHead: state.head } : head
    }),
    push: Effect.fn("SyncService.push")(function* ({ caller, frame, workspace }) {
      yield* requireWorkspace(caller, workspace)
      const device = yield* requireDevice(caller, "editor")
      if (frame.length > batchBytesMax) {
        const message = `A push has at most ${batchBytesMax} bytes, not ${frame.length}; send fewer entries at once`
        return yield* new TooLarge({ what: "push", bytesMax: batchBytesMax, message })
      }
      return yield* log.append(workspace, device, yield* Effect.fromResult(decodePush(frame)))
    }),
    pull: Effect.fn("SyncService.pull")(function* ({ caller, workspace, ...from }) {
      yield* requireWorkspace(caller, workspace)
      yield* requireDevice(caller, "reader")
      return encodePage(yield* log.read(workspace, from))
    }),
    doc: Effect.fn("SyncService.doc")(function* ({ caller, workspace, ...from }) {
      yield* requireWorkspace(caller, workspace)
      yield* requireDevice(caller, "reader")
      return encodeDocPage(yield* log.readDoc(workspace, from))
    }),
    refill: Effect.fn("SyncService.refill")(function* ({ caller, done, workspace }) {
      yield* requireWorkspace(caller, workspace)
      return yield* refills.ask(workspace, yield* requireDevice(caller, "editor"), done)
    }),
    tail: Effect.fn("SyncService.tail")(function* ({ caller, doc, workspace }) {
      yield* requireWorkspace(caller, workspace)
      yield* requireDevice(caller, "reader")
      return yield* checkpoints.tail(workspace, doc)
    }),
    checkpoints: Effect.fn("SyncService.checkpoints")(function* ({ caller, workspace }) {
      yield* requireWorkspace(caller, workspace)
      yield* requireDevice(caller, "reader")
      return yield* checkpoints.open(workspace)
    }),
    nameCheckpoint: Effect.fn("SyncService.nameCheckpoint")(function* ({ caller, naming, workspace }) {
      yield* requireWorkspace(caller, workspace)
      const device = yield* requireDevice(caller, "editor")
      return { named: yield* checkpoints.name(workspace, device, naming) }
    }),
    judgeCheckpoint: Effect.fn("SyncService.judgeCheckpoint")(function* ({ caller, verdict, workspace }) {
      yield* requireWorkspace(caller, workspace)
      const device = yield* requireDevice(caller, "editor")
      yield* checkpoints.judge(workspace, device, verdict)
    }),
    report: Effect.fn("SyncService.report")(function* ({ caller, signed, workspace }) {
      yield* requireWorkspace(caller, workspace)
      const device = yield* requireDevice(caller, "reader")
      yield* takeReport(`${workspace}/${device}`)
      yield* roster.report(workspace, device, signed)
      yield* Queue.offer(reported, workspace)
    }),
    cursors: Effect.fn("SyncService.cursors")(function* ({ caller, workspace }) {
      yield* requireWorkspace(caller, workspace)
      yield* requireDevice(caller, "reader")
      const cursors = yield* roster.reports(workspace)
      // The head after the reports: none of them can have been beyond it.
      return { head: (yield* log.head(workspace)).head, cursors }
    }),
    live: live.open
  })
})
