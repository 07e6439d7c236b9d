/** The error of joining. */
import { Schema } from "effect"

/** Why a link did not let this device in; in words, with what to do. Nothing was changed on this device. */
export class JoinFailed extends Schema.TaggedError<JoinFailed>()("JoinFailed", {
  reason: Schema.Literals(["unreachable", "expired", "spent", "revoked", "unknown", "key", "server"]),
  message: Schema.String
}) {}
