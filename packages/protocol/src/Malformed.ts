/** The error of every binary decoder of the protocol. */
import { Schema } from "effect"

/**
 * The bytes are not what they claim to be. Kind: `Corrupt` for stored bytes (quarantine them, go on with the rest), a
 * 400 for a request. `what` names the layout, `message` says what is wrong with it.
 */
export class Malformed extends Schema.TaggedError<Malformed>()(
  "Malformed",
  { what: Schema.String, message: Schema.String },
  { httpApiStatus: 400 }
) {}
