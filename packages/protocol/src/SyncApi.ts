/**
 * The HTTP API between a device and the byte store, as one value that server and client share.
 *
 * Entries, pages and statements travel as the binary frames of `Frames.ts`; everything else is JSON. Every route below
 * `/v1/workspaces/:workspace` asks for a bearer token but `renew`, which is how an expired one is replaced, and every route
 * under `/v1` for the `tidemark-protocol` header. OpenAPI at `/openapi.json`. Rules: docs/spec/protocol.md.
 */
import { Context, Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import {
  Forbidden,
  ItemRefusedReason,
  LogForked,
  QuotaFull,
  RateLimited,
  RosterMoved,
  StatementRefused,
  StorageFailed,
  TooLarge,
  Unauthorized,
  VersionUnsupported,
  WorkspaceUnknown
} from "./Errors.ts"
import {
  Cursor,
  DeviceId,
  DeviceSeq,
  DocId,
  GrantId,
  Hash,
  LogId,
  Role,
  RosterNumber,
  Seq,
  WorkspaceId
} from "./Ids.ts"
import { checkpointPartCountMax, checkpointsNamedMax, statementCountMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"
import { ProtocolRange } from "./ProtocolVersion.ts"

/** Bytes of a statement as base64url, for the few routes that carry exactly one. */
export const StatementText = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]+$/)).pipe(
  Schema.brand("StatementText")
)
export type StatementText = typeof StatementText.Type

/** A signature over `proofContext ‖ action ‖ workspace ‖ challenge` by a device's key, as base64url. */
export const Proof = Schema.Struct({
  challenge: Schema.String.check(Schema.isMaxLength(256)),
  signature: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{86}$/))
})
export type Proof = typeof Proof.Type

/**
 * A roster as a device of it hands it to a server that has no such workspace, or an older roster of it: every statement,
 * `found` first, and the proof of an unrevoked device (absent: the founder) [AMNESIA-1].
 */
export const Founding = Schema.Struct({
  statements: Schema.Array(StatementText).check(Schema.isMinLength(1), Schema.isMaxLength(statementCountMax)),
  device: Schema.optionalKey(DeviceId),
  proof: Proof
})
export type Founding = typeof Founding.Type

/** Whether the asking device may refill the log now, and for how long, or after how long to ask again; milliseconds. */
export const RefillAnswer = Schema.Struct({ granted: Schema.Boolean, millis: Schema.Int })
export type RefillAnswer = typeof RefillAnswer.Type

/** A checkpoint that stands in the log, as its maker names it once all its parts have their receipts [COMPACT-2]. */
export const CheckpointNaming = Schema.Struct({
  doc: DocId,
  /** The DeviceSeq of its first part; the others take the ones after it. */
  first: DeviceSeq,
  parts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: checkpointPartCountMax })),
  /** It stands for all of the doc's entries up to here: the place that is sealed inside it, too. */
  through: Cursor
})
export type CheckpointNaming = typeof CheckpointNaming.Type

/** A named checkpoint that no other device has confirmed yet. `seq`: of its last part. */
export const OpenCheckpoint = Schema.Struct({ doc: DocId, seq: Seq, through: Seq, device: DeviceId })
export type OpenCheckpoint = typeof OpenCheckpoint.Type

/** Another device's judgement: whether a newcomer that begins with the checkpoint lacks nothing that this device holds. */
export const CheckpointVerdict = Schema.Struct({ doc: DocId, seq: Seq, isSound: Schema.Boolean })
export type CheckpointVerdict = typeof CheckpointVerdict.Type

/** What a newcomer has to read of a doc behind its last checkpoint, counted up to some thousands of entries. */
export const DocTailSize = Schema.Struct({
  logId: LogId,
  entries: Schema.Int,
  bytes: Schema.Int,
  /** Bytes of the doc's last checkpoint; 0 where there is none. */
  checkpointBytes: Schema.Int
})
export type DocTailSize = typeof DocTailSize.Type

/** How far a device has stored the log, as base64url signed by it (see `cursorContext`), so that nobody else can say so. */
export const SignedCursor = Schema.Struct({
  cursor: Cursor,
  signature: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{86}$/))
})
export type SignedCursor = typeof SignedCursor.Type

/** A device's last report, and when it came by the server's clock, epoch milliseconds. */
export const DeviceCursor = Schema.Struct({ device: DeviceId, ...SignedCursor.fields, at: Schema.Int })
export type DeviceCursor = typeof DeviceCursor.Type

/** The last report of every device of the roster that is not revoked and has reported, and where the log ended afterwards. */
export const DeviceCursors = Schema.Struct({ head: Seq, cursors: Schema.Array(DeviceCursor) })
export type DeviceCursors = typeof DeviceCursors.Type

/** A token and how long it lasts from now, in milliseconds (so that clocks need not agree). */
export const TokenAnswer = Schema.Struct({ token: Schema.String, expiresInMillis: Schema.Int, role: Role })
export type TokenAnswer = typeof TokenAnswer.Type

/** Where a log stands, and what the server knows of the asking device. */
export const LogHead = Schema.Struct({
  logId: LogId,
  head: Seq,
  chain: Hash,
  roster: RosterNumber,
  /** The hash of the last statement; told where it is asked for by itself, and not in a socket's welcome. */
  rosterHead: Schema.optionalKey(Hash),
  /** The asking device's highest stored DeviceSeq and that entry's hash; absent before its first entry. */
  lastItem: Schema.optionalKey(Schema.Struct({ deviceSeq: DeviceSeq, hash: Hash }))
})
export type LogHead = typeof LogHead.Type

/** What became of one pushed item. `Stored` means durable; a repeat gets the first answer again [PUSH-2]. */
export const PushResult = Schema.Union([
  Schema.TaggedStruct("Stored", { deviceSeq: DeviceSeq, seq: Seq, chain: Hash }),
  Schema.TaggedStruct("ItemRefused", { deviceSeq: DeviceSeq, reason: ItemRefusedReason, message: Schema.String })
])
export type PushResult = typeof PushResult.Type

/** The answer to a push: one result an item, in the order of the push. */
export const PushAnswer = Schema.Struct({ logId: LogId, head: Seq, results: Schema.Array(PushResult) })
export type PushAnswer = typeof PushAnswer.Type

/** One device or grant as the server sees it. Times are the server's, epoch milliseconds. */
export const AccessList = Schema.Struct({
  devices: Schema.Array(
    Schema.Struct({
      device: DeviceId,
      role: Role,
      revoked: Schema.Boolean,
      lastSeenAt: Schema.optionalKey(Schema.Int),
      /** The device that let it in as a copy of itself. */
      copyOf: Schema.optionalKey(DeviceId)
    })
  ),
  grants: Schema.Array(
    Schema.Struct({ grant: GrantId, role: Role, expiresAt: Schema.Int, usesLeft: Schema.Int, revoked: Schema.Boolean })
  )
})
export type AccessList = typeof AccessList.Type

/** Who asks, as the token and the roster say. `subject` is a device, or a grant that has yet to admit one. */
export interface CallerShape {
  readonly workspace: WorkspaceId
  readonly subject:
    | { readonly _tag: "Device"; readonly device: DeviceId }
    | { readonly _tag: "Grant"; readonly grant: GrantId }
  readonly role: Role
}

/** The caller of an authorized route. */
export class Caller extends Context.Service<Caller, CallerShape>()("@tidemark/protocol/Caller") {}

/** Bearer tokens, verified on every route of the groups that carry it. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller; requires: never }>()(
  "@tidemark/protocol/Authorization",
  {
    requiredForClient: true,
    security: { bearer: HttpApiSecurity.bearer },
    error: [Unauthorized, WorkspaceUnknown, RateLimited, StorageFailed]
  }
) {}

/** The version header, checked on every route under `/v1`. */
export class Negotiation extends HttpApiMiddleware.Service<Negotiation>()("@tidemark/protocol/Negotiation", {
  requiredForClient: true,
  error: VersionUnsupported
}) {}

const frame = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array())
const workspace = { workspace: WorkspaceId }

/** Health and hello: no token. */
const system = HttpApiGroup.make("system").add(
  HttpApiEndpoint.get("health", "/health", {
    success: Schema.Struct({ status: Schema.Literal("ok") }),
    error: StorageFailed
  }),
  HttpApiEndpoint.get("hello", "/v1/hello", {
    success: Schema.Struct({ service: Schema.Literal("tidemark"), protocol: ProtocolRange, serverTime: Schema.Int })
  })
)

/** Ways to a token: no token needed, but a signature. */
const entrance = HttpApiGroup.make("entrance")
  .add(
    HttpApiEndpoint.post("challenge", "/v1/challenges", {
      success: Schema.Struct({ challenge: Schema.String, expiresInMillis: Schema.Int }),
      error: RateLimited
    }),
    HttpApiEndpoint.post("found", "/v1/workspaces", {
      payload: Founding,
      success: Schema.Struct({ ...TokenAnswer.fields, workspace: WorkspaceId, logId: LogId }),
      error: [Malformed, Unauthorized, StatementRefused, TooLarge, RateLimited, StorageFailed]
    }),
    HttpApiEndpoint.post("renew", "/v1/workspaces/:workspace/tokens", {
      params: workspace,
      payload: Schema.Struct({ device: DeviceId, proof: Proof }),
      success: TokenAnswer,
      error: [Unauthorized, WorkspaceUnknown, RateLimited, StorageFailed]
    })
  )
  .middleware(Negotiation)

/** Who may do what. */
const access = HttpApiGroup.make("access")
  .add(
    HttpApiEndpoint.post("grant", "/v1/workspaces/:workspace/grants", {
      params: workspace,
      payload: Schema.Struct({ statement: StatementText }),
      success: Schema.Struct({ accessToken: Schema.String, number: RosterNumber }),
      error: [Malformed, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
    }),
    HttpApiEndpoint.post("admit", "/v1/workspaces/:workspace/admissions", {
      params: workspace,
      payload: Schema.Struct({ statement: StatementText, proof: Proof }),
      success: Schema.Struct({ ...TokenAnswer.fields, number: RosterNumber }),
      error: [Malformed, Unauthorized, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
    }),
    HttpApiEndpoint.post("revoke", "/v1/workspaces/:workspace/revocations", {
      params: workspace,
      payload: Schema.Struct({ statement: StatementText }),
      success: Schema.Struct({ number: RosterNumber }),
      error: [Malformed, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
    }),
    HttpApiEndpoint.get("roster", "/v1/workspaces/:workspace/statements", {
      params: workspace,
      query: { after: RosterNumber },
      success: frame,
      error: StorageFailed
    }),
    HttpApiEndpoint.get("list", "/v1/workspaces/:workspace/access", {
      params: workspace,
      success: AccessList,
      error: [Forbidden, StorageFailed]
    })
  )
  .middleware(Authorization)
  .middleware(Negotiation)

/** The log. */
const log = HttpApiGroup.make("log")
  .add(
    HttpApiEndpoint.get("head", "/v1/workspaces/:workspace/head", {
      params: workspace,
      success: LogHead,
      error: StorageFailed
    }),
    HttpApiEndpoint.post("push", "/v1/workspaces/:workspace/entries", {
      params: workspace,
      payload: frame,
      success: PushAnswer,
      error: [Malformed, Forbidden, TooLarge, QuotaFull, StorageFailed]
    }),
    HttpApiEndpoint.get("pull", "/v1/workspaces/:workspace/entries", {
      params: workspace,
      query: {
        after: Seq,
        /** The reader's log and chain at `after`; left out by a reader that starts from nothing. */
        logId: Schema.optionalKey(LogId),
        chain: Schema.optionalKey(Hash),
        bytesMax: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
      },
      success: frame,
      error: [Forbidden, LogForked, StorageFailed]
    }),
    /** The entries of one doc, as doc pages: for a device whose copy of it has holes [LOG-14]. */
    HttpApiEndpoint.get("doc", "/v1/workspaces/:workspace/docs/:doc/entries", {
      params: { ...workspace, doc: DocId },
      query: {
        after: Seq,
        logId: LogId,
        bytesMax: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
      },
      success: frame,
      error: [Forbidden, LogForked, StorageFailed]
    }),
    HttpApiEndpoint.post("refill", "/v1/workspaces/:workspace/refills", {
      params: workspace,
      /** `done` gives the lease back. */
      payload: Schema.Struct({ done: Schema.Boolean }),
      success: RefillAnswer,
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.get("tail", "/v1/workspaces/:workspace/docs/:doc/tail", {
      params: { ...workspace, doc: DocId },
      success: DocTailSize,
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.get("checkpoints", "/v1/workspaces/:workspace/checkpoints", {
      params: workspace,
      success: Schema.Array(OpenCheckpoint).check(Schema.isMaxLength(checkpointsNamedMax)),
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.post("nameCheckpoint", "/v1/workspaces/:workspace/checkpoints", {
      params: workspace,
      payload: CheckpointNaming,
      /** False where it cannot stand for anything: a part is missing, or a later one is there already. */
      success: Schema.Struct({ named: Schema.Boolean }),
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.post("judgeCheckpoint", "/v1/workspaces/:workspace/checkpoints/verdicts", {
      params: workspace,
      payload: CheckpointVerdict,
      success: Schema.Struct({}),
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.post("report", "/v1/workspaces/:workspace/cursors", {
      params: workspace,
      payload: SignedCursor,
      success: Schema.Struct({}),
      error: [Forbidden, StorageFailed]
    }),
    HttpApiEndpoint.get("cursors", "/v1/workspaces/:workspace/cursors", {
      params: workspace,
      success: DeviceCursors,
      error: [Forbidden, StorageFailed]
    })
  )
  .middleware(Authorization)
  .middleware(Negotiation)

/** The API. */
export class SyncApi extends HttpApi.make("tidemark")
  .add(system)
  .add(entrance)
  .add(access)
  .add(log)
  .annotateMerge(OpenApi.annotations({ title: "Tidemark byte store", version: "1" })) {}
