/**
 * A calm beginning: the founder shares links and the other devices come in, before anything goes wrong.
 *
 * Worlds without one are about founding and joining; in most of them nobody gets far.
 */
import type { Role } from "@tidemark/protocol"
import { shareLink } from "./Faults.ts"
import type { World } from "./World.ts"

/** Tasks and messages that one piece of it takes at most. */
const stepsMax = 3_000

/** `step` lets something run or arrive, or moves the time. */
export const assemble = (world: World, step: () => void): void => {
  const until = (isDone: () => boolean) => {
    for (let steps = 0; steps < stepsMax && !isDone(); steps++) step()
    return isDone()
  }
  const [founder] = world.devices
  const workspace = () => founder?.workspace
  const isKnown = () => {
    const id = workspace()
    return id !== undefined && world.server.storage.logOf(id) !== undefined
  }
  if (!until(isKnown)) return
  while (world.devices.length < world.deviceCount) {
    const tab = founder?.openTabs[0]
    const before = world.links.length
    if (tab === undefined) return
    shareLink(world, tab, world.random.weighted<Role>({ owner: 2, editor: 4, reader: 2 }))
    if (!until(() => world.links.length > before)) return
    const link = world.links[before]
    if (link === undefined) return
    const device = world.addDevice(link.text, link.role)
    device.openTab()
    if (!until(() => device.id !== undefined)) return
  }
}
