/** A small app's schema, and devices that edit it: what the model's tests share. */
import { Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { DocId } from "@tidemark/protocol"
import {
  countersIn,
  type Exported,
  type MutationContext,
  mutations,
  PeerId,
  ShardDoc,
  Table,
  Workspace
} from "../../src/index.ts"

export const Notes = Workspace.make("notes", {
  tables: {
    tasks: Table.make(
      {
        title: Schema.String,
        done: Schema.Boolean,
        due: Schema.optionalKey(Schema.DateTimeUtc),
        level: Schema.optionalKey(Schema.Literals(["low", "high"])),
        effort: Schema.optionalKey(Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 100 }))),
        assignee: Schema.optionalKey(Table.ref("contacts")),
        tags: Table.set(Schema.String),
        body: Table.text()
      },
      { indexes: ["done", "due", "[done+due]", "*tags"] }
    ),
    contacts: Table.make({ name: Schema.String, email: Schema.optionalKey(Schema.String) }, { review: ["email"] }),
    drafts: Table.make(
      { text: Schema.String, urgent: Schema.optionalKey(Schema.Boolean), tags: Table.set(Schema.String) },
      { localOnly: true, indexes: ["urgent"] }
    )
  }
})

export const docNumber = (number: number): DocId =>
  DocId.make(Base64Url.encode(new Uint8Array(16).fill(number & 0xff, 15)))

/** The open shard of every table of the tests' devices. */
export const shard = docNumber(1)
/** Where the tests keep all records with keys. */
export const keyedShard = docNumber(2)

/** Counts up instead of drawing lots: each id is new, and the same in every run. */
export const countingContext = (device: number): MutationContext => {
  let drawn = 0
  return {
    openShard: () => shard,
    docIdOf: () => keyedShard,
    random: (length) => {
      drawn += 1
      return new Uint8Array(length)
        .fill(device, 0, 1)
        .fill(drawn >> 8, 1, 2)
        .fill(drawn & 0xff, 2, 3)
    },
    now: () => 1_700_000_000_000
  }
}

export const edits = (device = 1) => mutations(Notes, countingContext(device))

export const peer = (number: number): PeerId => PeerId.make(`${number}`)

export const opened = (updates: ReadonlyArray<Uint8Array> = [], doc = shard, workspace: Workspace = Notes): ShardDoc =>
  Result.getOrThrow(ShardDoc.open({ workspace, doc, updates })).shard

export const at = 1_700_000_000_000

/** The one update of what was written; fails the test where nothing was, or more than one update takes. */
export const onlyUpdate = (made: { readonly updates: ReadonlyArray<Exported> } | undefined): Uint8Array => {
  const [only, ...others] = made?.updates ?? []
  if (only === undefined || others.length > 0) throw new Error("not one update was written")
  return only.update
}

/** Applies and gives the update; fails the test where nothing was written. */
export const written = (doc: ShardDoc, by: PeerId, ...changes: Parameters<ShardDoc["apply"]>[1]): Uint8Array =>
  onlyUpdate(Result.getOrThrow(doc.apply(by, changes, at)))

/** The rows of a doc as one text, the same for equal rows in any order. */
export const rowsText = (rows: ReturnType<ShardDoc["allRows"]>): string =>
  JSON.stringify(rows.map((change) => [change.table, change.id, change]).toSorted())

/** What a doc exports that is made of an export of these operations, or all: an update, a snapshot, and the history in that. */
export const formsOf = (doc: ShardDoc, version = doc.version()): ReadonlyArray<Uint8Array> => {
  const spans = [...(countersIn(version) ?? [])].map(([by, end]) => ({ peer: by, start: 0, end }))
  const made = opened([Result.getOrThrow(doc.exportSpans(spans))])
  const update = Result.getOrThrow(made.exportSpans(spans))
  const snapshot = Result.getOrThrow(made.exportSnapshot())
  const read = opened([snapshot])
  const history = Result.getOrThrow(read.exportSpans(spans))
  for (const one of [made, read]) one.free()
  return [update, snapshot, history]
}
