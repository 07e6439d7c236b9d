/** Why an entry was not opened, in words that say what becomes of its bytes. Rules: docs/spec/crypto.md. */
import { RosterNumber } from "@tidemark/protocol"
import { Schema } from "effect"

/**
 * The entry needs a later app: its version, suite, kind, codec or compression is not known here, or the roster holds a
 * statement that this code cannot read and that may be what allows it. Kind: Refused for now. Keep the bytes, show that
 * an update is needed, open them after it.
 */
export class EntryTooNew extends Schema.TaggedError<EntryTooNew>()("EntryTooNew", {
  what: Schema.Literals(["version", "suite", "kind", "codec", "compression", "roster"]),
  /** The number met; for `roster`, the first statement that was not understood. */
  found: Schema.Int,
  message: Schema.String
}) {}

/** Why an entry or an item made of parts was refused. */
export const EntryRefusedReason = Schema.Literals([
  "signature",
  "unknownDevice",
  "role",
  "revoked",
  "ciphertext",
  "key",
  "malformed"
])
export type EntryRefusedReason = typeof EntryRefusedReason.Type

/** The entry is not what an author with the right to write has sealed. Kind: Corrupt. Quarantine it, go on with the rest. */
export class EntryRefused extends Schema.TaggedError<EntryRefused>()("EntryRefused", {
  reason: EntryRefusedReason,
  message: Schema.String
}) {}

/**
 * The author knew a longer roster than we do. Kind: Behind. Pull the roster, open again. A roster that is as long as the
 * server has it and still too short means that the entry is forged or the server hides statements: quarantine the entry.
 */
export class RosterBehind extends Schema.TaggedError<RosterBehind>()("RosterBehind", {
  needed: RosterNumber,
  message: Schema.String
}) {}

/** The item does not fit the protocol's limits, even compressed. Kind: Refused. Nothing was sealed; the item is as it was. */
export class ItemTooLarge extends Schema.TaggedError<ItemTooLarge>()("ItemTooLarge", {
  bytes: Schema.Int,
  bytesMax: Schema.Int,
  message: Schema.String
}) {}
