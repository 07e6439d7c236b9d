/**
 * Looks at every commit of a device: writes down what it did, meets the rare situations, and checks what a commit may do.
 *
 * A cursor goes forward on its log; back, or to another log, only together with the forgetting of what was above it [WORLD-11].
 */
import { Option, Schema } from "effect"
import { Cursor } from "@tidemark/protocol"
import { type Batch, metaKeys } from "@tidemark/sync"
import type { SimulatedTab } from "./SimulatedTab.ts"

const decodeCursor = Schema.decodeOption(Schema.fromJsonString(Cursor))

/** Where each device's cursor stood after its last commit, by its disk. */
const cursors = new WeakMap<object, Cursor>()

/** The cursor of a disk rotted with its copy: it begins anew, and forgets nothing by that [CHECK-10]. */
export const cursorRotted = (disk: object): void => void cursors.delete(disk)

export const watchCommit = (tab: SimulatedTab, batch: Batch): void => {
  note(tab, batch)
  meetSituations(tab, batch)
  checkCursor(tab, batch)
  const { chronicle, server } = tab.device.world
  for (const entry of batch.hold ?? []) {
    if (entry.kind === "part") continue
    // A page from before the server forgot its author, opened after: held until the list of members is there again.
    if (server.epoch > 0) chronicle.count("situation: entry held whose author the server has forgotten")
    else {
      chronicle.violate("heldHonest", `${tab.name} holds ${entry.seq} as ${entry.kind}: ${entry.message}`)
    }
  }
}

const counted = (name: string, list: ReadonlyArray<unknown> | undefined) =>
  list === undefined || list.length === 0 ? "" : ` ${name} ${list.length}`

const note = (tab: SimulatedTab, batch: Batch): void => {
  const seals = (batch.seal ?? []).map(({ deviceSeq }) => deviceSeq)
  const what = [
    batch.forget === undefined ? "" : ` forget above ${batch.forget.above}`,
    counted("confirm", batch.confirm),
    counted("replace", batch.replace),
    counted("updates", batch.updates),
    counted("rows", batch.rows),
    seals.length === 0 ? "" : ` seal ${seals.join(",")}`,
    counted("settle", batch.settle),
    counted("unseal", batch.unseal),
    counted("hold", batch.hold),
    counted("release", batch.release),
    counted("snapshots", batch.snapshots)
  ].join("")
  tab.device.world.chronicle.note(`${tab.name} commits${what}`)
}

const meetSituations = ({ device }: SimulatedTab, batch: Batch): void => {
  const { chronicle } = device.world
  const meet = (name: string, isMet: boolean) => (isMet ? chronicle.count(`situation: ${name}`) : undefined)
  const isPull = batch.meta?.has(metaKeys.cursor) === true && batch.release !== undefined
  const isRefill = batch.meta?.has(metaKeys.refill) === true
  meet("item settled by the log, not by its receipt", isPull && (batch.settle ?? []).length > 0)
  meet(
    "item in parts",
    (batch.seal ?? []).some(({ parts }) => parts > 1)
  )
  meet(
    "part held",
    (batch.hold ?? []).some(({ kind }) => kind === "part")
  )
  meet(
    "changes of a doc written as several updates",
    (batch.updates ?? []).some(
      ({ doc, rows }, index, all) => rows !== undefined && index > 0 && all[index - 1]?.doc === doc
    )
  )
  meet(
    "what waits in a doc sealed as several items",
    new Set((batch.seal ?? []).map(({ doc }) => doc)).size < new Set((batch.seal ?? []).map(({ first }) => first)).size
  )
  meet("held parts joined", isPull && (batch.release ?? []).length > 0)
  meet("tail folded", (batch.snapshots ?? []).length > 0)
  meet("item renumbered", (batch.unseal ?? []).length > 0)
  meet(
    "lease given back",
    (batch.leases ?? []).some(({ holder }) => holder === "")
  )
  const isOfCopies = batch.meta?.has(metaKeys.copied) === true
  meet("copy met in the log", isOfCopies && batch.meta?.get(metaKeys.copied) !== undefined)
  meet("copy became a device of its own", isOfCopies && batch.meta?.get(metaKeys.copied) === undefined)
  meet("copy wrote its operations again", (batch.replace ?? []).length > 0 && (batch.updates ?? []).length > 0)
  meet("own edit found in the log that had forgotten its receipt", (batch.confirm ?? []).length > 0)
  meet("comparison with a forgetful server begun", isRefill && batch.forget !== undefined)
  meet("comparison with a forgetful server ended", isRefill && batch.forget === undefined)
  const isGivenBack = (batch.updates ?? []).some(({ own, spans }) => own && spans.length > 0) && isLossGiven(batch)
  meet("lost operations put into the outbox", isGivenBack)
  if (batch.forget !== undefined) {
    const { above } = batch.forget
    const head =
      device.workspace === undefined ? 0 : (device.world.server.storage.logOf(device.workspace)?.end.seq ?? 0)
    const where = above === 0 ? "the beginning" : above >= head ? "the server's head" : "a place in the middle"
    meet(`last common position is ${where}`, true)
  }
}

/** A commit of the refill holds updates and nothing of an edit: no rows, no lease. */
const isLossGiven = ({ leases, rows }: Batch): boolean => rows === undefined && leases === undefined

const checkCursor = (tab: SimulatedTab, batch: Batch): void => {
  const text = batch.meta?.get(metaKeys.cursor)
  const next = text === undefined ? undefined : Option.getOrUndefined(decodeCursor(text))
  if (next === undefined) return
  const { disk, world } = tab.device
  const before = cursors.get(disk)
  cursors.set(disk, next)
  if (before === undefined || batch.forget !== undefined) return
  if (next.logId !== before.logId || next.seq < before.seq) {
    world.chronicle.violate(
      "broken",
      `the cursor of ${tab.name} goes from ${before.seq} of ${before.logId} to ${next.seq} of ${next.logId} and forgets nothing`
    )
  }
}
