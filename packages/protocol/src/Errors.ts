/**
 * The errors of the HTTP API and the live socket: each says what is true, and what the client does next.
 *
 * | error | status | kind | the client |
 * |---|---|---|---|
 * | Malformed | 400 | Refused | keeps the item, shows it as refused |
 * | Unauthorized | 401 | Behind (`expired`, `forged`, `challenge`) | renews its token and tries again |
 * |  |  | Behind (`unknown`) | hands over its roster, if it is a member by that; else as `revoked` |
 * |  |  | Refused (`revoked`) | stops, keeps everything, tells the user |
 * | Forbidden | 403 | Refused | stops writing, keeps the edits, tells the user |
 * | WorkspaceUnknown | 404 | Behind | founds it again from its roster |
 * | LogForked | 409 | Behind | finds the last common position |
 * | RosterMoved | 409 | Behind | pulls the roster, builds its statement again |
 * | TooLarge | 413 | Refused | keeps the item, shows it as refused |
 * | StatementRefused | 422 | Refused | shows the reason |
 * | VersionUnsupported | 426 | Refused | asks for an update, keeps editing locally |
 * | RateLimited | 429 | Unreachable | waits as long as it says |
 * | StorageFailed | 503 | Unreachable | waits and tries again |
 * | QuotaFull | 507 | Refused | shows it; the items go out when there is room |
 *
 * Rules: docs/spec/protocol.md.
 */
import { Schema } from "effect"
import { Hash, LogId, Role, RosterNumber, Seq } from "./Ids.ts"

/** Why a token or proof was not accepted. */
export const UnauthorizedReason = Schema.Literals(["missing", "expired", "forged", "challenge", "revoked", "unknown"])
export type UnauthorizedReason = typeof UnauthorizedReason.Type

/**
 * The token or proof was not accepted. Local edits are safe. `expired`, `forged`, `challenge`: renew and try again;
 * `unknown`: hand over the roster first.
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  { reason: UnauthorizedReason, message: Schema.String },
  { httpApiStatus: 401 }
) {}

/** The device's role does not allow this route. */
export class Forbidden extends Schema.TaggedError<Forbidden>()(
  "Forbidden",
  { role: Role, needed: Role, message: Schema.String },
  { httpApiStatus: 403 }
) {}

/** This server holds no such workspace, or the token is for another one. */
export class WorkspaceUnknown extends Schema.TaggedError<WorkspaceUnknown>()(
  "WorkspaceUnknown",
  { message: Schema.String },
  { httpApiStatus: 404 }
) {}

/** The cursor is not on the server's chain: the server was wiped, restored, or shows another log. */
export class LogForked extends Schema.TaggedError<LogForked>()(
  "LogForked",
  { logId: LogId, head: Seq, chain: Hash, message: Schema.String },
  { httpApiStatus: 409 }
) {}

/** Somebody else appended to the roster first; `number` is where it stands now. */
export class RosterMoved extends Schema.TaggedError<RosterMoved>()(
  "RosterMoved",
  { number: RosterNumber, message: Schema.String },
  { httpApiStatus: 409 }
) {}

/** A body, frame, entry or statement is larger than its limit. */
export class TooLarge extends Schema.TaggedError<TooLarge>()(
  "TooLarge",
  { what: Schema.String, bytesMax: Schema.Int, message: Schema.String },
  { httpApiStatus: 413 }
) {}

/** Why a statement may not be appended. */
export const StatementRefusedReason = Schema.Literals([
  "signature",
  "authority",
  "grantExpired",
  "grantSpent",
  "grantRevoked",
  "alreadyThere",
  "lastOwner",
  "tooMany",
  "tooNew",
  "wrongWorkspace"
])
export type StatementRefusedReason = typeof StatementRefusedReason.Type

/** A statement breaks a rule of the roster. */
export class StatementRefused extends Schema.TaggedError<StatementRefused>()(
  "StatementRefused",
  { reason: StatementRefusedReason, message: Schema.String },
  { httpApiStatus: 422 }
) {}

/** No version of the protocol is spoken by both sides. */
export class VersionUnsupported extends Schema.TaggedError<VersionUnsupported>()(
  "VersionUnsupported",
  { min: Schema.Int, max: Schema.Int, message: Schema.String },
  { httpApiStatus: 426 }
) {}

/** Too many requests; try again after `retryAfterMillis`. */
export class RateLimited extends Schema.TaggedError<RateLimited>()(
  "RateLimited",
  { retryAfterMillis: Schema.Int, message: Schema.String },
  { httpApiStatus: 429 }
) {}

/** The server could not store or read: disk full, database away. Nothing was acknowledged. */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()(
  "StorageFailed",
  { message: Schema.String },
  { httpApiStatus: 503 }
) {}

/** The workspace's share of the server's storage is used up. */
export class QuotaFull extends Schema.TaggedError<QuotaFull>()(
  "QuotaFull",
  { bytesMax: Schema.Int, message: Schema.String },
  { httpApiStatus: 507 }
) {}

/** Why one item of a push was refused while the others were stored. */
export const ItemRefusedReason = Schema.Literals([
  "deviceForked",
  "headerMismatch",
  "malformed",
  "tooLarge",
  "rosterAhead",
  "quotaFull",
  "roleReader",
  "revoked"
])
export type ItemRefusedReason = typeof ItemRefusedReason.Type
