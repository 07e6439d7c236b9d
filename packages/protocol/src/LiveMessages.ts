/**
 * The messages of the live socket at `/v1/live`.
 *
 * The client's first message is `Hello`, with the token in it (never in the address); the server answers `Welcome` or
 * `Goodbye`. Then entries arrive as binary page frames: a page whose `after` is not the reader's Seq, or whose LogId is
 * another, means "pull" [LIVE-2]. Text messages are JSON, at most `liveTextBytesMax` long. Rules: docs/spec/protocol.md.
 */
import { Schema } from "effect"
import { RateLimited, StorageFailed, Unauthorized, VersionUnsupported, WorkspaceUnknown } from "./Errors.ts"
import { RosterNumber, Seq, WorkspaceId } from "./Ids.ts"
import { Malformed } from "./Malformed.ts"
import { ProtocolRange } from "./ProtocolVersion.ts"
import { LogHead } from "./SyncApi.ts"

/** From client to server. `Ping` asks for a `Pong`; nothing else is ever sent after `Hello`. */
export const ClientMessage = Schema.Union([
  Schema.TaggedStruct("Hello", { protocol: ProtocolRange, token: Schema.String, workspace: WorkspaceId }),
  Schema.TaggedStruct("Ping", {})
])
export type ClientMessage = typeof ClientMessage.Type

/** Why the server closes a socket. Each says by itself what the client does next. */
export const GoodbyeError = Schema.Union([
  Unauthorized,
  WorkspaceUnknown,
  VersionUnsupported,
  Malformed,
  RateLimited,
  StorageFailed
])

/**
 * From server to client. `Behind`: entries up to `head` were not sent because the reader was slow; pull. `RosterMoved`:
 * the roster has grown; pull it. `CursorsMoved`: devices have reported how far they have come; ask when it matters. `Goodbye` is followed by the close.
 */
export const ServerMessage = Schema.Union([
  Schema.TaggedStruct("Welcome", { protocol: Schema.Int, log: LogHead }),
  Schema.TaggedStruct("Behind", { head: Seq }),
  Schema.TaggedStruct("RosterMoved", { number: RosterNumber }),
  Schema.TaggedStruct("CursorsMoved", {}),
  Schema.TaggedStruct("Pong", {}),
  Schema.TaggedStruct("Goodbye", { error: GoodbyeError })
])
export type ServerMessage = typeof ServerMessage.Type

const ClientMessageJson = Schema.fromJsonString(Schema.toCodecJson(ClientMessage))
const ServerMessageJson = Schema.fromJsonString(Schema.toCodecJson(ServerMessage))

/** The text of a client's message, and back; a text that is none gives a `SchemaError`. */
export const encodeClientMessage = Schema.encodeSync(ClientMessageJson)
export const decodeClientMessage = Schema.decodeUnknownResult(ClientMessageJson)
/** The text of a server's message, and back; a text that is none gives a `SchemaError`. */
export const encodeServerMessage = Schema.encodeSync(ServerMessageJson)
export const decodeServerMessage = Schema.decodeUnknownResult(ServerMessageJson)
