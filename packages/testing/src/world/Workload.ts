/**
 * What users do in a World: insert, update, archive, restore, ensure, now and then something invalid or something large.
 */
import { Cause, Exit } from "effect"
import { type Change, type Changed, ChangeRefused } from "@tidemark/replica"
import { RecordId, RecordKey } from "@tidemark/model"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { SimulatedTab } from "./SimulatedTab.ts"
import type { World } from "./World.ts"
import { tableNames, textFieldOf, type WorldTable } from "./WorldSchema.ts"

/** Keys that several devices make at the same time. */
const keyCount = 6
/** A text that stays above one entry when it is compressed: random characters of base64. */
const largeTextBytes = 1_300_000

interface Planned {
  readonly change: Change
  readonly table: WorldTable
  readonly mark: string | undefined
}

/** One user's call in a tab: one to three changes that happen together. */
export const editSomething = (world: World, tab: SimulatedTab): void => {
  const { device, replica } = tab
  if (replica === undefined) return
  if (device.role === "reader") {
    if (!world.profile.readersRebel) return
    device.hasRebelled = true
    world.chronicle.count("situation: reader tried to write")
  }
  const count = world.random.chance(0.8) ? 1 : world.random.between(2, 3)
  const planned = Array.from({ length: count }, () => planChange(world, device)).flat()
  const isInvalid = world.random.chance(0.03)
  const changes = [...planned.map(({ change }) => change), ...(isInvalid ? [invalidChange] : [])]
  tab.pendingChanges += 1
  world.chronicle.count("operations", planned.length)
  world.chronicle.note(`${tab.name} edits ${planned.map(({ change, mark }) => `${change._tag} ${mark}`).join(", ")}`)
  tab.process.run(replica.change(changes), (exit) => {
    tab.pendingChanges -= 1
    if (Exit.isSuccess(exit)) return accept(world, device, planned, exit.value)
    return refuse(world, tab, planned, Cause.squash(exit.cause), isInvalid)
  })
}

/** A text that is too long for one entry, once. */
export const editLarge = (world: World, tab: SimulatedTab): void =>
  insertTask(world, tab, Buffer.from(world.random.bytes(largeTextBytes)).toString("base64"))

/** A new task of somebody who may write. */
export const insertTask = (world: World, tab: SimulatedTab, title: string): void => {
  const { device, replica } = tab
  if (replica === undefined || device.role === "reader") return
  const mark = world.edits.newMark()
  world.chronicle.note(`${tab.name} writes a task ${mark} of ${title.length} characters`)
  world.chronicle.count("operations")
  const values = { title, done: false, marks: [mark] }
  const planned: Planned = { table: "tasks", mark, change: { _tag: "Insert", table: "tasks", values } }
  tab.pendingChanges += 1
  tab.process.run(replica.change([planned.change]), (exit) => {
    tab.pendingChanges -= 1
    if (Exit.isSuccess(exit)) accept(world, device, [planned], exit.value)
  })
}

const invalidChange: Change = { _tag: "Insert", table: "tasks", values: { title: 7, done: "no" } }

const accept = (
  world: World,
  device: SimulatedDevice,
  planned: ReadonlyArray<Planned>,
  { edit, ids }: Changed
): void => {
  for (const [index, { mark, table }] of planned.entries()) {
    const id = ids[index]
    if (id !== undefined) world.edits.accepted.push({ device, table, id, mark, edit })
  }
  world.chronicle.count("edits accepted", planned.length)
}

const refuse = (
  world: World,
  tab: SimulatedTab,
  planned: ReadonlyArray<Planned>,
  failure: unknown,
  isInvalid: boolean
): void => {
  if (!(failure instanceof ChangeRefused)) {
    world.chronicle.count("edits whose store failed")
    return
  }
  for (const { mark } of planned) if (mark !== undefined) world.edits.refusedMarks.add(mark)
  world.chronicle.count("edits refused")
  // A row is shown before the doc that rotted under it is here again: a change of it may have to wait [CHECK-8].
  if (tab.device.disk.quarantine.openCount > 0)
    world.chronicle.count("situation: change refused while its doc is damaged")
  else if (!isInvalid)
    world.chronicle.violate("broken", `a valid change was refused in ${tab.name}: ${failure.message}`)
}

const planChange = (world: World, device: SimulatedDevice): ReadonlyArray<Planned> => {
  const { random } = world
  const table = random.pick(tableNames) ?? "tasks"
  const ids = [...(device.disk.rowsByTable.get(table)?.keys() ?? [])]
  const known = random.pick(ids)
  const mark = world.edits.newMark()
  const text = `${textFieldOf[table]} ${random.below(1_000)}`
  if (known === undefined || random.chance(0.2)) {
    const values = { [textFieldOf[table]]: text, marks: [mark], ...(table === "tasks" ? { done: false } : {}) }
    return [{ table, mark, change: { _tag: "Insert", table, values } }]
  }
  if (random.chance(0.12)) {
    const key = `key ${random.below(keyCount)}`
    const values = { [textFieldOf[table]]: text, ...(table === "tasks" ? { done: true } : {}) }
    return [{ table, mark: undefined, change: { _tag: "Ensure", table, key: RecordKey.make(key), values } }]
  }
  const id = RecordId.make(known)
  const marked: Planned = { table, mark, change: { _tag: "Update", table, id, values: { marks: { add: [mark] } } } }
  const verb = random.weighted({ update: 7, check: 3, archive: 1, restore: 1 })
  switch (verb) {
    case "update":
      return [{ ...marked, change: updateOf(table, id, { [textFieldOf[table]]: text, marks: { add: [mark] } }) }]
    case "check":
      return table === "tasks"
        ? [{ ...marked, change: updateOf(table, id, { done: random.chance(0.5), marks: { add: [mark] } }) }]
        : [marked]
    case "archive":
      return [{ table, mark: undefined, change: { _tag: "Archive", table, id, at: 1 + random.below(1e12) } }, marked]
    case "restore":
      return [{ table, mark: undefined, change: { _tag: "Restore", table, id } }, marked]
  }
}

const updateOf = (table: WorldTable, id: RecordId, values: Extract<Change, { _tag: "Update" }>["values"]): Change => ({
  _tag: "Update",
  table,
  id,
  values
})
