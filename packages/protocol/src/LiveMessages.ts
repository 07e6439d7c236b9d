/**
 * The messages of the live socket at `/v1/live`.
 *
 * The client's first message is `Hello`, with the token in it (never in the address); the server answers `Welcome` or
 * `Goodbye`. Then entries arrive as binary page frames: a page whose `after` is not the reader's Seq, or whose LogId is
 * another, means "pull" [LIVE-2]. Text messages are JSON, at most `liveTextBytesMax` long. Rules: docs/spec/protocol.md.
 */
import { Schema } from "effect"
import { Forbidden, RateLimited, StorageFailed, Unauthorized, VersionUnsupported, WorkspaceUnknown } from "./Errors.ts"
import { RosterNumber, Seq, WorkspaceId } from "./Ids.ts"
import { Malformed } from "./Malformed.ts"
import { ProtocolRange } from "./ProtocolVersion.ts"
import { LogHead, PushAnswer } from "./SyncBodies.ts"

/** From client to server, as text. `Ping` asks for a `Pong`; after `Hello` there are these and pushes (`LivePush.ts`). */
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

/** Why a live push was not looked at; nothing of it was stored. The socket stays open. */
export const LivePushError = Schema.Union([Malformed, Forbidden, WorkspaceUnknown, RateLimited, StorageFailed])

/**
 * From server to client. `PushAnswered` and `PushRefused` name the number of the live push they answer. `Behind`: entries up to `head` were not sent because the reader was slow; pull. `RosterMoved`:
 * the roster has grown; pull it. `CursorsMoved`: devices have reported how far they have come; ask when it matters. `Goodbye` is followed by the close.
 */
export const ServerMessage = Schema.Union([
  Schema.TaggedStruct("Welcome", { protocol: Schema.Int, log: LogHead }),
  Schema.TaggedStruct("PushAnswered", { request: Schema.Int, answer: PushAnswer }),
  Schema.TaggedStruct("PushRefused", { request: Schema.Int, error: LivePushError }),
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

/**
 * The text of a `PushAnswered`, the same as `encodeServerMessage` gives [MESSAGE-2]. Everything in it is text and numbers
 * as they stand in JSON, and the server says it once a push.
 */
export const encodePushAnswered = (request: number, { head, logId, results }: PushAnswer): string =>
  JSON.stringify({ _tag: "PushAnswered", request, answer: { logId, head, results } })
