/** What a new link is asked for, and the error of sharing. */
import { Schema } from "effect"
import type { Role } from "@tidemark/protocol"

/** Why sharing, listing or revoking did not happen, in words. Nothing was changed. */
export class ShareFailed extends Schema.TaggedError<ShareFailed>()("ShareFailed", {
  reason: Schema.Literals(["unreachable", "notOwner", "invalid", "refused", "store"]),
  message: Schema.String
}) {}

/** What a new link gives. `expiresAt` is epoch milliseconds, at most a year away; `uses` is 1 … 1,000 devices. */
export interface ShareOptions {
  readonly role: Role
  readonly expiresAt: number
  readonly uses: number
}
