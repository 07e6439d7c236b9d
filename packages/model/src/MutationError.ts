/**
 * Why a mutation was refused. In every case the doc is as it was before, with none of the call's mutations in it.
 *
 * All are of the kind Refused (stop, tell the person, keep what was typed) but the last two, which the caller heals.
 * Rules: docs/spec/model.md.
 */
import { Schema } from "effect"
import { RecordId } from "./RecordId.ts"
import { PeerId } from "./Span.ts"
import { recordsPerShardMax } from "./ModelLimits.ts"

/** The app's schema has no synced table of this name. */
export class UnknownTable extends Schema.TaggedError<UnknownTable>()("UnknownTable", { table: Schema.String }) {
  override get message(): string {
    return `This app has no synced table "${this.table}". Nothing was changed; a newer version of the app may have it.`
  }
}

/** A value does not fit its field, a required one is absent, or the table has no such field. */
export class InvalidValue extends Schema.TaggedError<InvalidValue>()("InvalidValue", {
  table: Schema.String,
  field: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `"${this.table}.${this.field}" was not changed: ${this.reason}. Correct the value and save again.`
  }
}

/** The doc holds no such record. */
export class RecordMissing extends Schema.TaggedError<RecordMissing>()("RecordMissing", {
  table: Schema.String,
  id: RecordId
}) {
  override get message(): string {
    return `There is no record ${this.id} in "${this.table}" on this device. Nothing was changed; it may still arrive.`
  }
}

/** A new record has the id of one that exists. Writing over it would lose it. */
export class RecordExists extends Schema.TaggedError<RecordExists>()("RecordExists", {
  table: Schema.String,
  id: RecordId
}) {
  override get message(): string {
    return `A record ${this.id} exists in "${this.table}" already. Nothing was changed; create the record with a new id.`
  }
}

/** The record's id, or its key, belongs to another doc. A mistake of the caller, who routes mutations by `docOf`. */
export class RecordElsewhere extends Schema.TaggedError<RecordElsewhere>()("RecordElsewhere", {
  table: Schema.String,
  id: RecordId
}) {
  override get message(): string {
    return `The record ${this.id} of "${this.table}" lives in another doc. Nothing was changed.`
  }
}

/** The shard has its `recordsPerShardMax` records: create the record again in a new shard. */
export class ShardFull extends Schema.TaggedError<ShardFull>()("ShardFull", { table: Schema.String, id: RecordId }) {
  override get message(): string {
    return `The shard of ${this.id} is full (${recordsPerShardMax} records). Nothing was changed; open a new shard of "${this.table}".`
  }
}

/**
 * The doc holds operations of this peer that still wait for others, so its next counter is not known; writing now would
 * use operation ids twice. Take a fresh peer id.
 */
export class PeerUnsettled extends Schema.TaggedError<PeerUnsettled>()("PeerUnsettled", { peer: PeerId }) {
  override get message(): string {
    return `Earlier operations of the peer ${this.peer} still wait for others. Nothing was changed; write with a fresh peer id.`
  }
}

/** Loro panicked in this doc, or the doc was freed. Drop it and open it again from the log. */
export class DocUnusable extends Schema.TaggedError<DocUnusable>()("DocUnusable", { reason: Schema.String }) {
  override get message(): string {
    return `This doc in memory can no longer be used (${this.reason}). Nothing is lost; open it again from the local log.`
  }
}

/** The changes of one call are larger than what can be sent as one item. */
export class ChangeTooLarge extends Schema.TaggedError<ChangeTooLarge>()("ChangeTooLarge", {
  characters: Schema.Number,
  charactersMax: Schema.Number
}) {
  override get message(): string {
    return `This change has ${this.characters} characters; at most ${this.charactersMax} can be saved at once. Nothing was changed; save it in smaller pieces.`
  }
}

export const MutationError = Schema.Union([
  ChangeTooLarge,
  UnknownTable,
  InvalidValue,
  RecordMissing,
  RecordExists,
  RecordElsewhere,
  ShardFull,
  PeerUnsettled,
  DocUnusable
])
export type MutationError = typeof MutationError.Type
