/**
 * Why a shard doc could not be opened or exported. Rules: docs/spec/model.md.
 */
import { Schema } from "effect"
import { OperationSpan } from "./Span.ts"

/** The snapshot cannot be read, or too many updates make Loro panic. Corrupt: fetch the doc again whole. */
export class ShardUnreadable extends Schema.TaggedError<ShardUnreadable>()("ShardUnreadable", {
  doc: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The doc ${this.doc} cannot be read from what is stored here (${this.reason}). Fetch it again from the server.`
  }
}

/** Operations were asked for that this doc does not hold. `known` is the peer's next counter here. */
export class OperationsMissing extends Schema.TaggedError<OperationsMissing>()("OperationsMissing", {
  span: OperationSpan,
  known: Schema.Number
}) {
  override get message(): string {
    return `The operations ${this.span.start} to ${this.span.end} of ${this.span.peer} are not in this doc (it knows ${this.known}). Nothing was exported.`
  }
}

/** A snapshot of the doc does not read back as the doc, because of a forged update in it. Nothing was handed out. */
export class SnapshotUnfaithful extends Schema.TaggedError<SnapshotUnfaithful>()("SnapshotUnfaithful", {
  doc: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `A snapshot of the doc ${this.doc} does not read back as the doc (${this.reason}). It was thrown away; keep the updates it would have stood for.`
  }
}
