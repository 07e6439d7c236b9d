/** Docs, updates and snapshots as several devices make them, one of them with a schema that disagrees on every type. */
import { Result, Schema } from "effect"
import { bytesToId, DocId } from "@tidemark/protocol"
import { type Mutation, type MutationContext, mutations, PeerId, ShardDoc, Table, Workspace } from "@tidemark/model"
import type { SeededRandom } from "../../SeededRandom.ts"

/** The schema of the device that reads. */
export const Ours = Workspace.make("fuzz", {
  tables: {
    tasks: Table.make(
      {
        title: Schema.String,
        done: Schema.Boolean,
        due: Schema.optionalKey(Schema.DateTimeUtc),
        effort: Schema.optionalKey(Schema.Number),
        assignee: Schema.optionalKey(Table.ref("contacts")),
        tags: Table.set(Schema.String)
      },
      { indexes: ["done", "due", "*tags"] }
    ),
    contacts: Table.make({ name: Schema.String }, {})
  }
})

/** A writer that thinks otherwise about every field. */
const Theirs = Workspace.make("fuzz", {
  tables: {
    tasks: Table.make({
      title: Schema.Number,
      done: Schema.String,
      due: Schema.optionalKey(Schema.Boolean),
      effort: Table.set(Schema.String),
      assignee: Schema.optionalKey(Schema.Number),
      tags: Schema.String
    }),
    contacts: Table.make({ name: Schema.Boolean, later: Schema.optionalKey(Schema.String) }),
    unheardOf: Table.make({ text: Schema.String })
  }
})

export const shardId = DocId.make(bytesToId(new Uint8Array(16).fill(3)))
export const at = 1_700_000_000_000

const contextOf = (random: SeededRandom): MutationContext => ({
  openShard: () => shardId,
  docIdOf: () => shardId,
  random: (length) => random.bytes(length),
  now: () => at
})

const openedWith = (workspace: Workspace, updates: ReadonlyArray<Uint8Array>): ShardDoc =>
  Result.getOrThrow(ShardDoc.open({ workspace, doc: shardId, updates })).shard

/** The update that a device makes of mutations, over what it has seen. */
const writtenOver = (
  workspace: Workspace,
  seen: ReadonlyArray<Uint8Array>,
  peer: number,
  changes: ReadonlyArray<Mutation>
): Uint8Array => {
  const shard = openedWith(workspace, seen)
  const applied = Result.getOrThrow(shard.apply(PeerId.make(String(peer)), changes, at))
  shard.free()
  const [only, ...others] = applied?.updates ?? []
  if (only === undefined || others.length > 0) throw new Error("The samples of the Loro target write not one update")
  return only.update
}

export interface LoroSamples {
  /** What the reading device has. */
  readonly base: ReadonlyArray<Uint8Array>
  /** What may come: updates over the base and over each other. */
  readonly updates: ReadonlyArray<Uint8Array>
  readonly snapshots: ReadonlyArray<Uint8Array>
  /** A change of the reading device, for after the import. */
  readonly ownChange: Mutation
}

export const loroSamples = (random: SeededRandom): LoroSamples => {
  const ours = mutations(Ours, contextOf(random))
  const theirs = mutations(Theirs, contextOf(random))
  const first = ours.tasks.insert({ title: "Milk", done: false, tags: ["a", "b"], effort: 1.5 })
  const second = ours.tasks.insert({ title: "Tide ⛵ table", done: true })
  const base = [writtenOver(Ours, [], 1, [first, second])]
  const over = (peer: number, changes: ReadonlyArray<Mutation>, seen = base) => writtenOver(Ours, seen, peer, changes)
  const renamed = over(2, [ours.tasks.update(first.id, { title: "Bread", tags: { add: ["c"], remove: ["a"] } })])
  const many = Array.from({ length: 40 }, (_, index) => ours.contacts.insert({ name: `Contact ${index}` }))
  const keyed = ours.contacts.ensure("settings", { name: "keyed" })
  const updates = [
    renamed,
    over(3, [ours.tasks.archive(first.id), ours.tasks.update(second.id, { due: undefined })]),
    over(4, [ours.tasks.update(first.id, { title: "after" })], [...base, renamed]),
    over(5, many),
    over(6, [keyed]),
    over(7, [keyed, ours.tasks.update(second.id, { title: "x".repeat(3_000) })]),
    writtenOver(Theirs, base, 8, [
      theirs.tasks.update(first.id, { title: 7, done: "no", due: true, assignee: -1, tags: "none" }),
      theirs.tasks.insert({ title: 1e300, done: "", tags: "", effort: ["x"] }),
      theirs.unheardOf.insert({ text: "later" })
    ]),
    writtenOver(Theirs, [], 9, [theirs.contacts.insert({ name: false, later: "kept" })])
  ]
  const snapshots = [base, [...base, ...updates.slice(0, 4)], [...base, ...updates]].map((all) => {
    const shard = openedWith(Ours, all)
    const snapshot = Result.getOrThrow(shard.exportSnapshot())
    shard.free()
    return snapshot
  })
  return { base, updates, snapshots, ownChange: ours.tasks.update(first.id, { title: "ours" }) }
}
