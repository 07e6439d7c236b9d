/**
 * The errors of the engine, by what the caller does next. Protocol, fetch and database failures become one of these in
 * the adapter that meets them, once. Rules: docs/spec/sync-state.md.
 */
import { Schema } from "effect"
import { Cursor } from "@tidemark/protocol"

/** Why a server that answers, or what answers in its place, cannot serve now. */
export const UnreachableReason = Schema.Literals([
  /** It cannot store or read: its disk is full, its database away. */
  "serverStorage",
  /** It does not accept the access it gave a moment ago: its clock, or that of another process of it, is wrong. */
  "serverClock",
  /** Something between this device and the server answers in its place: a proxy, a sign-in page of the network. */
  "between",
  /** Something between them lets nothing through that is as large as what was sent. */
  "sizeBetween"
])
export type UnreachableReason = typeof UnreachableReason.Type

/** The server could not be reached, or could not serve now: wait and try again. Everything local is safe. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  /** In words for the status, e.g. "The server cannot be reached". */
  message: Schema.String,
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Int),
  reason: Schema.optionalKey(UnreachableReason)
}) {}

/**
 * This device has to catch up first: with the roster, with a log that is not the one it knew, or with the news that another
 * copy of it writes.
 */
export class Behind extends Schema.TaggedError<Behind>()("Behind", {
  what: Schema.Literals(["roster", "log", "device"]),
  message: Schema.String,
  /** For `log`: where the server's log stands. */
  server: Schema.optionalKey(Cursor)
}) {}

/** The server said no, and trying again will not help: stop, keep everything, tell the user. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  reason: Schema.Literals([
    "revoked",
    "unknownDevice",
    "role",
    "workspaceUnknown",
    "versionTooOld",
    "quotaFull",
    "tooLarge",
    "malformed",
    /** The server's list of members does not check out. */
    "roster"
  ]),
  message: Schema.String
}) {}

/** What a call to the server can fail with. */
export type RemoteError = Unreachable | Behind | Refused

/** Another tab syncs now: this one's nonce or cursor is no longer the stored one. Stop; nothing was written. */
export class FenceLost extends Schema.TaggedError<FenceLost>()("FenceLost", { message: Schema.String }) {}
