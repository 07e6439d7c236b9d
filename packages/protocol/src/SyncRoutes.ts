/**
 * The routes between a device and the byte store, as plain values: the one place where their paths, bodies and errors stand.
 * `SyncApi.ts` makes the server's HTTP API of them, the devices' client asks by them; neither needs the other's library.
 *
 * Entries, pages and statements travel as the binary frames of `Frames.ts`, `frameBody` here; everything else is JSON. Every
 * route below `/v1/workspaces/:workspace` asks for a bearer token but `renew`, which is how an expired one is replaced, and
 * every route under `/v1` but `hello` for the `tidemark-protocol` header. Rules: docs/spec/protocol.md.
 */
import { Schema } from "effect"
import {
  Forbidden,
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
import { DeviceId, DocId, Hash, LogId, RosterNumber, Seq, WorkspaceId } from "./Ids.ts"
import { checkpointsNamedMax } from "./Limits.ts"
import { Malformed } from "./Malformed.ts"
import { ProtocolRange } from "./ProtocolVersion.ts"
import {
  AccessList,
  CheckpointNaming,
  CheckpointVerdict,
  DeviceCursors,
  DocTailSize,
  Founding,
  LogHead,
  OpenCheckpoint,
  Proof,
  PushAnswer,
  RefillAnswer,
  SignedCursor,
  StatementText,
  TokenAnswer
} from "./SyncBodies.ts"

/** A schema that needs nothing to decode and encode. */
type Plain = Schema.Codec<unknown, unknown>
type Fields = Readonly<Record<string, Plain>>

/** One route. An answer has the status 200, an error the `httpApiStatus` of its class. */
export interface SyncRoute {
  readonly method: "GET" | "POST"
  /** `:name` stands for the parameter of that name. */
  readonly path: `/${string}`
  readonly params?: Fields
  readonly query?: Fields
  readonly payload?: Plain
  readonly success: Plain
  readonly error?: ReadonlyArray<Plain>
}

/** A body that is one of the binary frames. */
export const frameBody = Schema.Uint8Array

/** What a route that asks for a token may answer beside its own errors. */
export const authorizationErrors = [Unauthorized, WorkspaceUnknown, RateLimited, StorageFailed] as const

/** What a route that asks for the version may answer beside its own errors. */
export const negotiationErrors = [VersionUnsupported] as const

const params = { workspace: WorkspaceId }
const docParams = { ...params, doc: DocId }
const bytesMax = Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))

/** No token, no version. */
const system = {
  health: {
    method: "GET",
    path: "/health",
    success: Schema.Struct({ status: Schema.Literal("ok") }),
    error: [StorageFailed]
  },
  hello: {
    method: "GET",
    path: "/v1/hello",
    success: Schema.Struct({ service: Schema.Literal("tidemark"), protocol: ProtocolRange, serverTime: Schema.Int })
  }
} as const satisfies Record<string, SyncRoute>

/** Ways to a token: no token needed, but a signature. */
const entrance = {
  challenge: {
    method: "POST",
    path: "/v1/challenges",
    success: Schema.Struct({ challenge: Schema.String, expiresInMillis: Schema.Int }),
    error: [RateLimited]
  },
  found: {
    method: "POST",
    path: "/v1/workspaces",
    payload: Founding,
    success: Schema.Struct({ ...TokenAnswer.fields, workspace: WorkspaceId, logId: LogId }),
    error: [Malformed, Unauthorized, StatementRefused, TooLarge, RateLimited, StorageFailed]
  },
  renew: {
    method: "POST",
    path: "/v1/workspaces/:workspace/tokens",
    params,
    payload: Schema.Struct({ device: DeviceId, proof: Proof }),
    success: TokenAnswer,
    error: [Unauthorized, WorkspaceUnknown, RateLimited, StorageFailed]
  }
} as const satisfies Record<string, SyncRoute>

/** Who may do what. */
const access = {
  grant: {
    method: "POST",
    path: "/v1/workspaces/:workspace/grants",
    params,
    payload: Schema.Struct({ statement: StatementText }),
    success: Schema.Struct({ accessToken: Schema.String, number: RosterNumber }),
    error: [Malformed, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
  },
  admit: {
    method: "POST",
    path: "/v1/workspaces/:workspace/admissions",
    params,
    payload: Schema.Struct({ statement: StatementText, proof: Proof }),
    success: Schema.Struct({ ...TokenAnswer.fields, number: RosterNumber }),
    error: [Malformed, Unauthorized, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
  },
  revoke: {
    method: "POST",
    path: "/v1/workspaces/:workspace/revocations",
    params,
    payload: Schema.Struct({ statement: StatementText }),
    success: Schema.Struct({ number: RosterNumber }),
    error: [Malformed, Forbidden, RosterMoved, StatementRefused, TooLarge, StorageFailed]
  },
  roster: {
    method: "GET",
    path: "/v1/workspaces/:workspace/statements",
    params,
    query: { after: RosterNumber },
    success: frameBody,
    error: [StorageFailed]
  },
  list: {
    method: "GET",
    path: "/v1/workspaces/:workspace/access",
    params,
    success: AccessList,
    error: [Forbidden, StorageFailed]
  }
} as const satisfies Record<string, SyncRoute>

/** The log. */
const log = {
  head: {
    method: "GET",
    path: "/v1/workspaces/:workspace/head",
    params,
    success: LogHead,
    error: [StorageFailed]
  },
  push: {
    method: "POST",
    path: "/v1/workspaces/:workspace/entries",
    params,
    payload: frameBody,
    success: PushAnswer,
    error: [Malformed, Forbidden, TooLarge, QuotaFull, StorageFailed]
  },
  pull: {
    method: "GET",
    path: "/v1/workspaces/:workspace/entries",
    params,
    query: {
      after: Seq,
      /** The reader's log and chain at `after`; left out by a reader that starts from nothing. */
      logId: Schema.optionalKey(LogId),
      chain: Schema.optionalKey(Hash),
      bytesMax
    },
    success: frameBody,
    error: [Forbidden, LogForked, StorageFailed]
  },
  /** The entries of one doc, as doc pages: for a device whose copy of it has holes [LOG-14]. */
  doc: {
    method: "GET",
    path: "/v1/workspaces/:workspace/docs/:doc/entries",
    params: docParams,
    query: { after: Seq, logId: LogId, bytesMax },
    success: frameBody,
    error: [Forbidden, LogForked, StorageFailed]
  },
  refill: {
    method: "POST",
    path: "/v1/workspaces/:workspace/refills",
    params,
    /** `done` gives the lease back. */
    payload: Schema.Struct({ done: Schema.Boolean }),
    success: RefillAnswer,
    error: [Forbidden, StorageFailed]
  },
  tail: {
    method: "GET",
    path: "/v1/workspaces/:workspace/docs/:doc/tail",
    params: docParams,
    success: DocTailSize,
    error: [Forbidden, StorageFailed]
  },
  checkpoints: {
    method: "GET",
    path: "/v1/workspaces/:workspace/checkpoints",
    params,
    success: Schema.Array(OpenCheckpoint).check(Schema.isMaxLength(checkpointsNamedMax)),
    error: [Forbidden, StorageFailed]
  },
  nameCheckpoint: {
    method: "POST",
    path: "/v1/workspaces/:workspace/checkpoints",
    params,
    payload: CheckpointNaming,
    /** False where it cannot stand for anything: a part is missing, or a later one is there already. */
    success: Schema.Struct({ named: Schema.Boolean }),
    error: [Forbidden, StorageFailed]
  },
  judgeCheckpoint: {
    method: "POST",
    path: "/v1/workspaces/:workspace/checkpoints/verdicts",
    params,
    payload: CheckpointVerdict,
    success: Schema.Struct({}),
    error: [Forbidden, StorageFailed]
  },
  report: {
    method: "POST",
    path: "/v1/workspaces/:workspace/cursors",
    params,
    payload: SignedCursor,
    success: Schema.Struct({}),
    error: [Forbidden, StorageFailed]
  },
  cursors: {
    method: "GET",
    path: "/v1/workspaces/:workspace/cursors",
    params,
    success: DeviceCursors,
    error: [Forbidden, StorageFailed]
  }
} as const satisfies Record<string, SyncRoute>

export const syncRoutes = { system, entrance, access, log } as const
