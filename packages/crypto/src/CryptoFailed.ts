/** What a primitive says when bytes and key do not fit. */
import { Schema } from "effect"

/**
 * A ciphertext did not open, a key agreement or a decompression failed: the bytes were changed, cut, or meant for another
 * key. Kind: `Corrupt` (keep the bytes aside, go on with the rest). `what` names the step; nothing secret is in it.
 */
export class CryptoFailed extends Schema.TaggedError<CryptoFailed>()("CryptoFailed", {
  what: Schema.Literals(["open", "agree", "gunzip", "unwrap"]),
  message: Schema.String
}) {}
