/** Stored statements as the text that a JSON route carries. Rules: docs/spec/roster.md. */
import { Malformed, StatementText } from "@tidemark/protocol"
import { Result } from "effect"
import { Base64Url } from "effect/encoding"

/** A stored statement as the text a JSON route carries. */
export const statementText = (bytes: Uint8Array): StatementText => StatementText.make(Base64Url.encode(bytes))

/** The stored statement in a text of a JSON route, or `Malformed`. */
export const statementBytes = (text: StatementText): Result.Result<Uint8Array, Malformed> =>
  Result.mapError(
    Base64Url.decode(text),
    () => new Malformed({ what: "statement", message: "This statement's text is not base64url" })
  )
