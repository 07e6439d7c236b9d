/**
 * Thrown by `Table.make` and `Workspace.make` while the app starts: the schema asks for something that cannot be kept.
 */
import { Schema } from "effect"

/** The app's schema breaks a rule of docs/spec/model.md. A mistake of the app's author: fix the schema. */
export class SchemaRefused extends Schema.TaggedError<SchemaRefused>()("SchemaRefused", { reason: Schema.String }) {
  override get message(): string {
    return `The workspace schema was refused: ${this.reason}.`
  }
}
