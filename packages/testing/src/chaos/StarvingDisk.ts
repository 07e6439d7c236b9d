/**
 * A disk whose writes fail where nobody looks: an ext4 file system on a thin volume that has run out.
 *
 * The image is sparse and lies in a small memory file system. While that is full, a write to the image still succeeds in
 * the kernel's memory, and only its fsync says `EIO` or `ENOSPC`: the error that a server must not survive. Requests are
 * kept to one page: of a longer one that is stored in part, the kernel's loop device says it was stored whole, and the
 * fsync before the first error would be a lie that no server can see through. Needs root and a loop device.
 * Rules: docs/spec/chaos.md.
 */
import { Effect } from "effect"
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { basename, join } from "node:path"
import { makeMountPoint, type MountRefused, runSystem } from "./internal/mounting.ts"
import { makeImage } from "./LoopImage.ts"

/** What the disk says it holds, and what is really there, in bytes. */
const imageBytes = 96 * 1_048_576
const volumeBytes = 48 * 1_048_576

/** A page, and so the longest request, in kB; a file system of such blocks asks for whole pages. */
const pageKilobytes = 4

/** The setting of a mounted loop device that bounds its requests. */
const requestSetting = (mountPoint: string): string => {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n")
  const device = mounts.map((line) => line.split(" ")).find(([, place]) => place === mountPoint)?.[0] ?? ""
  return `/sys/block/${basename(device)}/queue/max_sectors_kb`
}

export interface StarvingDisk {
  readonly mountPoint: string
  /** From now on nothing new reaches the disk, and every fsync of something new fails. */
  readonly starve: Effect.Effect<void>
  /** Room again: unmounted, checked as at a boot, and mounted. Nobody may have a file open there. */
  readonly repair: Effect.Effect<void, MountRefused>
}

/** Takes what is left of a file system. */
const fill = (file: string): void => {
  const handle = openSync(file, "w")
  for (const bytes of [65_536, 4_096]) {
    const block = Buffer.alloc(bytes, 1)
    try {
      while (writeSync(handle, block) === bytes);
    } catch {
      // Full, as it is to be.
    }
  }
  closeSync(handle)
}

/** A new one in a folder, unmounted with the scope. */
export const makeStarvingDisk = Effect.fnUntraced(function* (folder: string) {
  const volume = join(folder, "volume")
  const mountPoint = join(folder, "mounted")
  const image = join(volume, "disk")
  const filler = join(volume, "filler")
  yield* Effect.sync(() => [volume, mountPoint].forEach((one) => mkdirSync(one)))
  const under = yield* makeMountPoint(volume, ["-t", "tmpfs", "-o", `size=${volumeBytes}`, "tmpfs"])
  yield* under.mount
  yield* makeImage(image, imageBytes, pageKilobytes * 1_024)
  const disk = yield* makeMountPoint(mountPoint, ["-o", "loop", image])
  let unlimit = (): void => undefined
  const limit = Effect.sync(() => {
    const setting = requestSetting(mountPoint)
    const before = readFileSync(setting, "utf8")
    // The device outlives us, and keeps its settings.
    unlimit = () => writeFileSync(setting, before)
    writeFileSync(setting, String(pageKilobytes))
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => unlimit()))
  const mount = Effect.andThen(disk.mount, limit)
  yield* mount
  const repair = Effect.gen(function* () {
    yield* Effect.sync(() => rmSync(filler))
    yield* Effect.sync(() => unlimit())
    yield* disk.unmount
    // 1: something was put right.
    yield* runSystem("e2fsck", ["-f", "-y", image], 1)
    yield* mount
  })
  return { mountPoint, starve: Effect.sync(() => fill(filler)), repair } satisfies StarvingDisk
})
