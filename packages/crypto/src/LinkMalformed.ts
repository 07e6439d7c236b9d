/** What is wrong with a text that should be a link. Rules: docs/spec/crypto.md. */
import { Schema } from "effect"

/** Why a text is no link. `version`: made by a later app; update. The others: it was cut or mistyped; copy it again. */
export class LinkMalformed extends Schema.TaggedError<LinkMalformed>()("LinkMalformed", {
  reason: Schema.Literals(["form", "version", "checksum"]),
  message: Schema.String
}) {}
