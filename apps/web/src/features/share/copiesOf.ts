/** The devices that are shut out together with one: its copies, and theirs. */
import type { Access } from "@tidemark/react"

type Device = Access["devices"][number]

/** In the order of the list, in which a device comes before its copies. Without the device itself, and those that are out. */
export const copiesOf = (devices: ReadonlyArray<Device>, { device }: Device): ReadonlyArray<Device> => {
  const line = new Set([device])
  for (const one of devices) if (one.copyOf !== undefined && line.has(one.copyOf)) line.add(one.device)
  return devices.filter((one) => one.device !== device && line.has(one.device) && !one.revoked)
}
