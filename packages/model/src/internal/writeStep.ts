/**
 * Writes a planned step into Loro. Whoever calls has checked everything; what is equal already makes no operation.
 */
import type { LoroMap } from "loro-crdt"
import { mapAt } from "./loro.ts"
import type { PlanContext, Step, Write } from "./planMutations.ts"
import type { TextWrite } from "./planText.ts"
import { writeText } from "./writeText.ts"

/** Writes one step. */
export const writeStep = ({ recordsOf, textOf }: PlanContext, step: Step): void => {
  const records = recordsOf(step.table)
  const record = recordOf(records, step)
  if (record === undefined) throw new Error(`planned record ${step.local} is gone`)
  for (const write of step.writes) {
    if (write.kind === "splices" || write.kind === "whole") {
      writeText(record, write, textOf(step.table, step.local, write.field))
    } else writeField(record, write, step.kind === "ensure")
  }
  record.free()
}

/** A record's map is named by its key and not by the operation that made it: made again, it is the same map [AGAIN-1]. */
const recordOf = (records: LoroMap, { kind, local }: Step): LoroMap | undefined =>
  mapAt(records, local) ?? (kind === "change" ? undefined : records.ensureMergeableMap(local))

const writeField = (record: LoroMap, write: Exclude<Write, TextWrite>, onlyAbsent: boolean): void => {
  switch (write.kind) {
    case "scalar": {
      const current: unknown = record.get(write.field)
      if (onlyAbsent && current !== undefined) return
      if (write.stored !== null || (current !== undefined && current !== null)) record.set(write.field, write.stored)
      return
    }
    case "elements":
      return writeElements(record, write, onlyAbsent)
    case "archive": {
      if (!isArchived(record)) record.set("archivedAt", write.at)
      return
    }
    case "restore": {
      if (isArchived(record)) record.set("archivedAt", 0)
      return
    }
  }
}

/** An element is a key whose value is `true`; one taken out is `false`, never deleted, so that the last writer wins. */
const writeElements = (
  record: LoroMap,
  { add, field, remove }: Extract<Write, { readonly kind: "elements" }>,
  onlyAbsent: boolean
): void => {
  const existing = mapAt(record, field)
  if (existing === undefined && add.length === 0) return
  const elements = existing ?? record.ensureMergeableMap(field)
  for (const element of add) {
    if (!onlyAbsent || elements.get(element) === undefined) elements.set(element, true)
  }
  for (const element of remove) {
    if (elements.get(element) === true) elements.set(element, false)
  }
  elements.free()
}

const isArchived = (record: LoroMap): boolean => {
  const at: unknown = record.get("archivedAt")
  return typeof at === "number" && at > 0
}
