/**
 * What goes wrong in a World besides messages: tabs, disks, the server, the network of a device, the list of members.
 */
import { Exit } from "effect"
import type { Role } from "@tidemark/protocol"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { SimulatedTab } from "./SimulatedTab.ts"
import type { World } from "./World.ts"

const deviceOf = (world: World): SimulatedDevice | undefined => world.random.pick(world.devices)

/** Opens, closes, freezes or thaws a tab; or a second tab takes the lock from one that still runs. */
export const disturbTabs = (world: World): void => {
  const device = deviceOf(world)
  if (device === undefined) return
  const { chronicle, random } = world
  const tab = random.pick(device.openTabs)
  if (tab === undefined || !device.isInstalled) {
    if (device.tabs.length === 0) device.openTab()
    return
  }
  const other = device.openTabs.find((one) => one !== device.lockHolder && !one.process.isFrozen)
  switch (random.weighted({ open: 3, close: 1, freeze: 1, thaw: 2, steal: 1 })) {
    case "open":
      if (device.tabs.length < world.profile.tabsMax) device.openTab()
      return
    case "close":
      chronicle.count("fault: tab closed")
      return device.closeTab(tab)
    case "freeze":
      tab.process.isFrozen = true
      chronicle.note(`freezes ${tab.name}`)
      chronicle.count("fault: tab frozen")
      return
    case "thaw":
      return thaw(world, device)
    case "steal":
      if (other !== undefined && !other.isSyncing) device.takeLock(other)
      return
  }
}

export const thaw = (world: World, device: SimulatedDevice): void => {
  for (const tab of device.tabs) {
    if (!tab.process.isFrozen) continue
    tab.process.isFrozen = false
    world.chronicle.note(`thaws ${tab.name}`)
  }
  device.passLock()
}

/** Ends a device, or one tab of it, where it stands; it may come back at once or later. */
export const crashSomething = (world: World): void => {
  const device = deviceOf(world)
  if (device === undefined || device.tabs.length === 0) return
  const { random } = world
  const tab = random.pick(device.tabs)
  const isWhole = tab === undefined || device.tabs.length === 1 || random.chance(0.5)
  world.chronicle.count(isWhole ? "crashes: device" : "crashes: tab")
  device.crash(isWhole ? [...device.tabs] : [tab])
  world.restarted(device)
  if (random.chance(0.7) && device.tabs.length === 0) device.openTab()
}

export const breakStore = (world: World): void => {
  const device = deviceOf(world)
  if (device === undefined || !device.isInstalled) return
  const fault = world.random.weighted({ read: 2, aborted: 4, full: 2, unknown: 4, fills: 1 })
  if (fault !== "fills") {
    device.storeFault = fault
    return
  }
  device.isStoreFull = true
  world.chronicle.note(`the disk of ${device.name} is full`)
  world.chronicle.count("fault: store full for a while")
}

export const disturbNetwork = (world: World): void => {
  const device = deviceOf(world)
  if (device === undefined) return
  const { network, random } = world
  const isCut = network.isCut(device.name)
  if (isCut) network.heal(device.name)
  else network.cut(device.name, random)
  // The browser says so, or it does not.
  if (random.chance(0.5)) {
    for (const tab of device.openTabs) {
      if (tab.replica !== undefined) tab.process.run(tab.replica.networkChanged(isCut), () => undefined)
    }
  }
}

/** An owner shares or revokes, or a device opens a link. */
export const changeMembers = (world: World): void => {
  const { chronicle, random } = world
  const owner = random.pick(world.devices.filter(({ openTabs, role }) => role === "owner" && openTabs.length > 0))
  const tab = owner?.openTabs[0]
  const link = random.pick(world.links)
  if (link !== undefined && world.devices.length < world.deviceCount && random.chance(0.8)) {
    const device = world.addDevice(link.text, link.role)
    chronicle.count("situation: device opens a link")
    device.openTab()
    return
  }
  if (tab?.replica === undefined) return
  const kept = [owner?.line, world.devices[0]?.line]
  const target = random.pick(world.devices.slice(1).filter(({ id, line }) => id !== undefined && !kept.includes(line)))
  if (target !== undefined && world.profile.revokes && random.chance(0.4)) return revoke(world, tab, target)
  if (world.links.length < 4 && !tab.isSharing)
    shareLink(world, tab, random.weighted<Role>({ owner: 2, editor: 4, reader: 2 }))
}

/** An owner's tab ends a device's access. */
export const revoke = (world: World, tab: SimulatedTab, target: SimulatedDevice): void => {
  const { id } = target
  if (tab.replica === undefined || id === undefined) return
  world.chronicle.note(`${tab.name} revokes ${target.name}`)
  world.chronicle.count("situation: owner revokes a device")
  target.line.isTargeted = true
  tab.process.run(tab.replica.revoke({ device: id }), (exit) => {
    if (Exit.isSuccess(exit)) world.revoked.add(id)
  })
}

/** Makes a link of a role; the World keeps it. `done` hears the end, good or bad. */
export const shareLink = (world: World, tab: SimulatedTab, role: Role, done: () => void = () => undefined): void => {
  const { replica } = tab
  if (replica === undefined) return
  world.chronicle.note(`${tab.name} shares as ${role}`)
  tab.isSharing = true
  const expiresAt = world.timeline.now + tab.device.clockError.millis + 30 * 86_400_000
  tab.process.run(replica.share({ role, expiresAt, uses: 100 }), (exit) => {
    tab.isSharing = false
    if (Exit.isSuccess(exit)) world.links.push({ text: exit.value, role })
    else world.chronicle.count("situation: sharing failed")
    done()
  })
}
