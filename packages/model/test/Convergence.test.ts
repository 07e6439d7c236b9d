import { assert, describe, it } from "@effect/vitest"
import { DateTime, Result } from "effect"
import * as fc from "fast-check"
import { type Mutation, type RecordId, type RowChange, ShardDoc } from "../src/index.ts"
import { at, edits, formsOf, Notes, onlyUpdate, opened, peer, rowsText, shard } from "./support/Notes.ts"

const devices = 3

/** One thing that happens: a device edits, or takes some of what has been sent to it. */
type Step =
  | { readonly kind: "edit"; readonly device: number; readonly edits: ReadonlyArray<Edit> }
  | { readonly kind: "deliver"; readonly device: number; readonly picks: ReadonlyArray<number>; readonly keep: boolean }

interface Edit {
  readonly verb: "insert" | "ensure" | "update" | "archive" | "restore" | "tag" | "untag" | "unset"
  readonly target: number
  readonly value: number
}

const edit: fc.Arbitrary<Edit> = fc.record({
  verb: fc.constantFrom("insert", "ensure", "update", "archive", "restore", "tag", "untag", "unset"),
  target: fc.nat(5),
  value: fc.nat(4)
})
const device = fc.nat(devices - 1)
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("edit" as const), device, edits: fc.array(edit, { minLength: 1, maxLength: 3 }) }),
    fc.record({
      kind: fc.constant("deliver" as const),
      device,
      picks: fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
      keep: fc.boolean()
    })
  ),
  { minLength: 10, maxLength: 50 }
)

/** One device: its doc, the rows it has put together from changes, and updates on their way to it. */
class Replica {
  readonly doc = opened()
  readonly rows = new Map<string, RowChange>()
  readonly inbox: Array<Uint8Array> = []
  readonly #build
  readonly #number: number
  #now = at

  constructor(number: number) {
    this.#number = number
    this.#build = edits(number + 1).tasks
  }

  /** Edits what is here, and gives the update to send. */
  edit(plan: ReadonlyArray<Edit>): Uint8Array | undefined {
    // Within Loro's interval for one change, and beyond it.
    this.#now += (plan[0]?.value ?? 0) * 400_000
    const applied = Result.getOrThrow(
      this.doc.apply(
        peer(this.#number + 1),
        plan.flatMap((one) => this.#mutation(one)),
        this.#now
      )
    )
    if (applied === undefined) return undefined
    this.#project(applied.changed)
    return onlyUpdate(applied)
  }

  deliver(updates: ReadonlyArray<Uint8Array>): void {
    const report = this.doc.importUpdates(updates)
    assert.deepStrictEqual(report.refused, [])
    this.#project(report.changed)
  }

  #project(changed: ReadonlySet<RecordId>): void {
    for (const change of this.doc.rowsOf(changed)) {
      const key = `${change.table} ${change.id}`
      if (change.row === undefined) this.rows.delete(key)
      else this.rows.set(key, change)
    }
  }

  #mutation({ target, value, verb }: Edit): ReadonlyArray<Mutation> {
    const tasks = this.#build
    if (verb === "insert") return [tasks.insert({ title: `t${value}`, done: value > 2, tags: [`e${value}`] })]
    if (verb === "ensure") {
      const due = DateTime.makeUnsafe(value * 1000)
      return [tasks.ensure(`k${target % 2}`, { title: `d${this.#number}`, done: false, due, tags: [`e${value}`] })]
    }
    const here = this.doc.allRows().map((row) => row.id)
    const id = here[target % Math.max(1, here.length)]
    if (id === undefined) return []
    switch (verb) {
      case "archive":
        return [{ ...tasks.archive(id), at: at + value }]
      case "restore":
        return [tasks.restore(id)]
      case "update":
        return [tasks.update(id, { title: `u${value}`, effort: value, level: value > 2 ? "high" : "low" })]
      case "tag":
        return [tasks.update(id, { tags: { add: [`e${value}`], remove: [`e${target}`] } })]
      case "untag":
        return [tasks.update(id, { tags: { remove: [`e${value}`] } })]
      case "unset":
        return [tasks.update(id, { due: undefined, effort: undefined })]
    }
  }
}

const seen = { pending: 0, ensured: 0, archived: 0, restored: 0 }

const run = (script: ReadonlyArray<Step>): void => {
  const replicas = Array.from({ length: devices }, (_, index) => new Replica(index))
  const sent: Array<{ readonly from: number; readonly update: Uint8Array }> = []
  for (const step of script) {
    const replica = replicas[step.device]
    if (replica === undefined) continue
    if (step.kind === "edit") {
      const update = replica.edit(step.edits)
      if (update === undefined) continue
      sent.push({ from: step.device, update })
      for (const other of replicas) if (other !== replica) other.inbox.push(update)
      if (step.edits.some(({ verb }) => verb === "restore")) seen.restored += 1
    } else {
      const picked = step.picks.flatMap((pick) => replica.inbox[pick % Math.max(1, replica.inbox.length)] ?? [])
      // What is kept will come again.
      if (!step.keep)
        replica.inbox.splice(0, replica.inbox.length, ...replica.inbox.filter((one) => !picked.includes(one)))
      replica.deliver(picked)
      if (replica.doc.isPending) seen.pending += 1
    }
    assert.strictEqual(rowsText([...replica.rows.values()]), rowsText(replica.doc.allRows()))
  }
  for (const replica of replicas) replica.deliver([...replica.inbox].toReversed())
  const [first, ...others] = replicas
  if (first === undefined) return
  const rows = rowsText(first.doc.allRows())
  for (const replica of replicas) {
    assert.isFalse(replica.doc.isPending)
    assert.strictEqual(replica.doc.version(), first.doc.version())
    assert.strictEqual(rowsText(replica.doc.allRows()), rows)
    assert.strictEqual(rowsText([...replica.rows.values()]), rows)
  }
  const snapshot = Result.getOrThrow(others[0]?.doc.exportSnapshot() ?? first.doc.exportSnapshot())
  const fresh = Result.getOrThrow(ShardDoc.open({ workspace: Notes, doc: shard, snapshot, updates: [] })).shard
  assert.strictEqual(rowsText(fresh.allRows()), rows)
  const again = opened(sent.map(({ update }) => update))
  assert.strictEqual(rowsText(again.allRows()), rows)
  const forms = formsOf(first.doc)
  assert.deepStrictEqual(forms[2], forms[0])
  for (const doc of [fresh, again]) assert.deepStrictEqual(formsOf(doc), forms)
  if (first.doc.allRows().some(({ row }) => Number(row?.["archivedAt"]) > 0)) seen.archived += 1
  if (first.doc.allRows().some(({ id }) => id.includes("~"))) seen.ensured += 1
  for (const doc of [fresh, again, ...replicas.map((replica) => replica.doc)]) doc.free()
}

describe("convergence", () => {
  it("ROW-5 EXP-7 three devices with the same operations show the same rows, from events and from scratch, and export the same bytes", () => {
    fc.assert(fc.property(steps, run), { numRuns: 150, seed: 20_240_229 })
    // The runs have met what they are about.
    assert.isAbove(seen.pending, 20)
    assert.isAbove(seen.archived, 20)
    assert.isAbove(seen.restored, 20)
    assert.isAbove(seen.ensured, 20)
  })
})
