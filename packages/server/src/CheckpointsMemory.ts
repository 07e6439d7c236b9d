/** Checkpoints over memory: for tests and the World. Every call is one synchronous step. */
import { Clock, Effect, Layer } from "effect"
import {
  checkpointsNamedMax,
  type DocId,
  entryKinds,
  Seq,
  type WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"
import { Checkpoints, type CheckpointOptions } from "./Checkpoints.ts"
import {
  checkpointGraceMillisDefault,
  type CheckpointRow,
  clearedBefore,
  decideNaming,
  decideVerdict,
  furthest,
  openOf,
  overdue,
  overtakenBy,
  type PartRow,
  toRemoveNow
} from "./internal/checkpointRules.ts"
import { MemoryStore, type MemoryWorkspace } from "./MemoryStore.ts"

/** Those of a doc, or of all, ascending. */
const rowsOf = (held: MemoryWorkspace, doc?: DocId): ReadonlyArray<CheckpointRow> =>
  held.checkpoints.filter((row) => doc === undefined || row.doc === doc).toSorted((a, b) => a.seq - b.seq)

/** Lets a checkpoint stand in. */
const activate = (held: MemoryWorkspace, row: CheckpointRow, now: number) => {
  const known = rowsOf(held, row.doc)
  const { forgotten, kept, places } = overtakenBy(row, known)
  const last = held.entries.findLast(({ doc, seq }) => doc === row.doc && seq <= row.through)
  for (const place of places) moveStandIn(held, place, undefined)
  if (last !== undefined) moveStandIn(held, last.seq, row.seq)
  const gone = new Set([row, ...forgotten, ...known.filter(({ seq }) => kept.some((one) => one.seq === seq))])
  const place = last?.seq ?? Seq.make(0)
  const state = last === undefined ? "done" : "active"
  held.checkpoints = [
    ...held.checkpoints.filter((one) => !gone.has(one)),
    ...kept,
    { ...row, state, place, activatedAt: now, clearedTo: clearedBefore(row, known) }
  ]
}

const moveStandIn = (held: MemoryWorkspace, place: Seq, standIn: Seq | undefined) => {
  const found = held.entries[place - 1]
  if (found === undefined) return
  const { standIn: _, ...entry } = found
  held.entries[place - 1] = standIn === undefined ? entry : { ...entry, standIn }
}

/** Removes what a checkpoint replaced. */
const clear = (held: MemoryWorkspace, row: CheckpointRow) => {
  let freed = 0
  for (const entry of held.entries.filter(({ doc, seq }) => doc === row.doc && seq <= row.through)) {
    freed += entry.bytes?.length ?? 0
    held.entries[entry.seq - 1] = { ...entry, bytes: undefined }
  }
  const rest = held.checkpoints.filter((one) => one !== row)
  held.checkpoints = row.place === 0 ? rest : [...rest, { ...row, state: "done", clearedTo: row.through }]
  held.row = { ...held.row, storedBytes: held.row.storedBytes - freed }
}

export const layer = ({ checkpointGraceMillis = checkpointGraceMillisDefault }: CheckpointOptions = {}) =>
  Layer.effect(
    Checkpoints,
    Effect.gen(function* () {
      const { workspaces } = yield* MemoryStore

      const find = (workspace: WorkspaceId) =>
        Effect.suspend(() => {
          const held = workspaces.get(workspace)
          return held === undefined
            ? Effect.fail(new WorkspaceUnknown({ message: "This server holds no such workspace" }))
            : Effect.succeed(held)
        })

      const tidy = (held: MemoryWorkspace) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const row of overdue(held.checkpoints, now, checkpointGraceMillis)) activate(held, row, now)
          for (const row of toRemoveNow(held.checkpoints, now, checkpointGraceMillis)) clear(held, row)
        })

      return Checkpoints.of({
        tail: Effect.fn("Checkpoints.tail")(function* (workspace, doc) {
          const held = yield* find(workspace)
          const last = furthest(rowsOf(held, doc))
          const after = last?.through ?? 0
          const tail = held.entries.filter(
            (entry) => entry.doc === doc && entry.seq > after && entry.kind !== entryKinds.checkpoint
          )
          const bytes = tail.reduce((sum, entry) => sum + (entry.bytes?.length ?? 0), 0)
          return { logId: held.row.logId, entries: tail.length, bytes, checkpointBytes: last?.bytes ?? 0 }
        }),

        open: Effect.fn("Checkpoints.open")(function* (workspace) {
          const held = yield* find(workspace)
          yield* tidy(held)
          return openOf(held.checkpoints, checkpointsNamedMax)
        }),

        name: Effect.fn("Checkpoints.name")(function* (workspace, device, naming) {
          const held = yield* find(workspace)
          const { doc, first, parts, through } = naming
          const decision = decideNaming({
            ...{ head: held.row, device, naming, now: yield* Clock.currentTimeMillis },
            chain: held.entries[through.seq - 1]?.chain,
            parts: held.entries
              .filter((one) => one.device === device && one.deviceSeq >= first && one.deviceSeq < first + parts)
              .toSorted((a, b) => a.deviceSeq - b.deviceSeq)
              .map(({ bytes, doc: of, kind, seq }): PartRow => ({ seq, doc: of, kind, bytes: bytes?.length })),
            known: rowsOf(held, doc)
          })
          if (decision._tag === "New") held.checkpoints = [...held.checkpoints, decision.row]
          yield* tidy(held)
          return decision._tag !== "Refused"
        }),

        judge: Effect.fn("Checkpoints.judge")(function* (workspace, device, verdict) {
          const held = yield* find(workspace)
          const row = rowsOf(held, verdict.doc).find(({ seq }) => seq === verdict.seq)
          const outcome = decideVerdict(row, device, verdict)
          if (row !== undefined && outcome === "activate") activate(held, row, yield* Clock.currentTimeMillis)
          if (row !== undefined && outcome === "drop") held.checkpoints = held.checkpoints.filter((one) => one !== row)
          yield* tidy(held)
        })
      })
    })
  )
