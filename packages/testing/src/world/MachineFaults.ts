/**
 * What goes wrong with a machine while it runs: clocks that jump, a server's quota that is used up, a full disk.
 */
import type { ClockError } from "./SimulatedClock.ts"
import { quotaBytesMax } from "./ServerStorage.ts"
import type { World } from "./World.ts"

const dayMillis = 86_400_000
const yearMillis = 365 * dayMillis
/** How much room a quota leaves at most, in bytes. */
const roomBytesMax = 3_000

/** A clock is right, or wrong by up to a day, or by up to ten years. */
export const drawClockError = (world: World): number =>
  world.random.weighted({ right: 2, day: 2, years: 1 }) === "right" ? 0 : drawWrong(world)

const drawWrong = ({ random }: World): number => {
  const most = random.chance(0.5) ? dayMillis : 10 * yearMillis
  return random.between(-most, most)
}

/** The clock of a device or of the server jumps, in the middle of whatever runs there. */
export const jumpClock = (world: World): void => {
  const { chronicle, devices, random, server } = world
  if (random.chance(0.25)) {
    set(world, "the server", server.clockError, drawClockError(world))
    return chronicle.count("fault: clock of the server jumps")
  }
  const device = random.pick(devices)
  if (device === undefined) return undefined
  set(world, device.name, device.clockError, drawClockError(world))
  return chronicle.count("fault: clock of a device jumps")
}

const set = ({ chronicle }: World, whose: string, error: ClockError, millis: number): void => {
  chronicle.note(`clock of ${whose} jumps by ${millis - error.millis}`)
  error.millis = millis
}

/** The server's room ends, or there is room again. */
export const fillServer = (world: World): void => {
  const { chronicle, random, server } = world
  const workspace = world.devices[0]?.workspace
  if (server.isDiskFull || server.storage.quotaBytes < quotaBytesMax) return makeRoom(world)
  if (workspace === undefined) return undefined
  if (random.chance(0.5)) {
    server.isDiskFull = true
    chronicle.note("the server's disk is full")
    return chronicle.count("fault: server disk full for a while")
  }
  const stored = server.storage.entries(workspace).reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)
  server.storage.quotaBytes = stored + random.below(roomBytesMax)
  chronicle.note(`the workspace may hold ${server.storage.quotaBytes} bytes`)
  chronicle.count("fault: quota of the server used up")
  return server.restart()
}

/** The quota is raised, the server's disk is emptied. */
export const makeRoom = ({ chronicle, server }: World): void => {
  const wasLimited = server.storage.quotaBytes < quotaBytesMax
  if (!wasLimited && !server.isDiskFull) return
  chronicle.note("there is room on the server")
  server.isDiskFull = false
  server.storage.quotaBytes = quotaBytesMax
  if (wasLimited) server.restart()
}

/** How likely it is in every step that somebody looks after a machine: nothing of this lasts for most of a history. */
const lookAfterChance = 0.015

/** Now and then a device that nobody uses is used again, there is room everywhere, and the server's clock is right. */
export const lookAfter = (world: World): void => {
  const { devices, random, server } = world
  if (!random.chance(lookAfterChance)) return
  const asleep = random.pick(devices.filter(({ tabs }) => tabs.length === 0))
  if (asleep !== undefined) asleep.openTab()
  for (const device of devices) device.isStoreFull = false
  makeRoom(world)
  if (server.clockError.millis !== 0) set(world, "the server", server.clockError, 0)
}

/** What a user sets right before a link is shared: a link's end is told by clocks. */
export const setClocksRight = (world: World): void => {
  const [founder] = world.devices
  if (founder !== undefined) set(world, founder.name, founder.clockError, 0)
  set(world, "the server", world.server.clockError, 0)
}
