/** What one step of a World may be besides faults: a process runs, a message arrives, a user writes, time passes. */
import { Effect, Option } from "effect"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { SimulatedProcess } from "./SimulatedProcess.ts"
import { editLarge, editSomething } from "./Workload.ts"
import type { World } from "./World.ts"

/** Lets one process run a few tasks; false where none could. */
export const runSomething = (world: World): boolean => {
  const ready = processesOf(world).filter(([process, device]) => canRun(process, device))
  const [process, device] = world.random.pick(ready) ?? []
  if (process === undefined) return false
  const tasks = world.random.pick([1, 1, 4, 30]) ?? 1
  for (let count = 0; count < tasks && canRun(process, device); count++) process.step()
  world.settle()
  return true
}

/** Lets one message arrive, get lost, or arrive twice; false where none waits. */
export const deliverSomething = (world: World): boolean => {
  const messages = world.network.deliverable()
  // Mostly the oldest: a network that only reorders is none.
  const message = world.random.chance(0.7) ? messages[0] : world.random.pick(messages)
  if (message === undefined) return false
  if (world.random.chance(world.profile.loss)) world.network.lose(message, world.random.chance(0.5))
  else if (message.repeatable === true && world.random.chance(world.profile.repeat)) world.network.repeat(message)
  else world.network.deliver(message)
  world.settle()
  return true
}

/** Often in the middle of a push: before its commit, or between the commit and the answer. */
export const restartServer = (world: World): void => {
  const push = world.network.deliverable().find(({ label }) => label.startsWith("push"))
  if (push !== undefined && world.random.chance(0.7)) world.network.deliver(push)
  // A commit takes a few tasks, and its answer some more.
  for (let tasks = world.random.below(world.random.pick([4, 12]) ?? 4); tasks > 0; tasks--) world.server.process.step()
  world.settle()
  world.server.restart()
}

export const edit = (world: World): void => {
  const device = world.loss.sole ?? world.random.pick(world.devices)
  const tab = device === undefined ? undefined : world.random.pick(device.openTabs)
  if (tab === undefined || tab.process.isFrozen) return
  if (world.profile.hasLargeText && world.random.chance(0.01)) editLarge(world, tab)
  else editSomething(world, tab)
}

export const wait = (world: World): void => {
  const due = world.timeline.nextDue
  const millis = world.random.below(world.profile.waitMillisMax)
  const until = due !== undefined && world.random.chance(0.5) ? due : world.timeline.now + millis
  world.timeline.advanceTo(until)
}

const processesOf = ({
  devices,
  server
}: World): ReadonlyArray<readonly [SimulatedProcess, SimulatedDevice | undefined]> => {
  const tabs = devices.flatMap((device) => device.tabs.map((tab) => [tab.process, device] as const))
  return [[server.process, undefined], ...tabs]
}

/** A frozen tab finishes the transaction it is in, and takes no other step. */
const canRun = (process: SimulatedProcess, device: SimulatedDevice | undefined): boolean => {
  if (process.isDead || process.isIdle || device?.relaxed.isFailing === true) return false
  return !process.isFrozen || (device !== undefined && isInTransaction(device))
}

const isInTransaction = (device: SimulatedDevice): boolean =>
  Option.isNone(Effect.runSync(device.disk.lock.withPermitsIfAvailable(1)(Effect.void)))
