/**
 * A disk whose power can be cut: an ext4 file system in an image file, mounted through a loop device.
 *
 * A cut copies the image while every writer is stopped: what was synced is in the copy, what only the kernel had in memory
 * is not. A simulation: it knows nothing of disks that lie about a flush. Needs root and a loop device.
 * Rules: docs/spec/chaos.md.
 */
import { Effect } from "effect"
import { constants, copyFileSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeMountPoint, type MountRefused, runSystem } from "./internal/mounting.ts"
import { pauseFor } from "./internal/wallClock.ts"

/** The size of an image, in bytes: copied at every cut, and sparse where the file system can. */
const imageBytesDefault = 96 * 1_048_576

/** Every thread of a process stands still ("T") or is gone ("Z"). */
const isStopped = (pid: number): boolean => {
  try {
    return /^State:\s+[TZ]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return true
  }
}

/** Stops a process; one that has ended stands still, too. */
const stop = (pid: number) =>
  Effect.gen(function* () {
    yield* Effect.ignore(Effect.try(() => process.kill(pid, "SIGSTOP")))
    while (!isStopped(pid)) yield* pauseFor(1)
  })

export interface LoopImage {
  readonly mountPoint: string
  /** Writes everything to the image, as if much time had passed. */
  readonly sync: Effect.Effect<void, MountRefused>
  /**
   * Cuts the power under the processes that write to it, and mounts what the disk held. `writers` is asked again until
   * it names nobody new: a process may start another one while we stop it. `kill` ends them all.
   */
  readonly cut: (writers: () => ReadonlyArray<number>, kill: Effect.Effect<void>) => Effect.Effect<void, MountRefused>
}

/** Makes a file system in an image file, with blocks of `blockBytes`. */
export const makeImage = (image: string, bytes: number, blockBytes = 1_024) =>
  Effect.andThen(
    Effect.sync(() => {
      writeFileSync(image, "")
      truncateSync(image, bytes)
    }),
    runSystem("mkfs.ext4", ["-q", "-F", "-m", "0", "-b", String(blockBytes), image])
  )

/** A new file system in a folder, unmounted with the scope. */
export const makeLoopImage = Effect.fnUntraced(function* (folder: string, imageBytes = imageBytesDefault) {
  const image = join(folder, "disk")
  const after = join(folder, "disk-after-the-cut")
  const mountPoint = join(folder, "mounted")
  yield* Effect.sync(() => mkdirSync(mountPoint))
  yield* makeImage(image, imageBytes)
  const { mount, unmount } = yield* makeMountPoint(mountPoint, ["-o", "loop", image])
  yield* mount
  const stopAll = Effect.fnUntraced(function* (writers: () => ReadonlyArray<number>) {
    const stopped = new Set<number>()
    for (let news = writers(); news.length > 0; news = writers().filter((pid) => !stopped.has(pid))) {
      for (const pid of news) {
        yield* stop(pid)
        stopped.add(pid)
      }
    }
  })
  const cut = Effect.fnUntraced(function* (writers: () => ReadonlyArray<number>, kill: Effect.Effect<void>) {
    yield* stopAll(writers)
    yield* Effect.sync(() => copyFileSync(image, after, constants.COPYFILE_FICLONE))
    yield* kill
    yield* unmount
    yield* Effect.sync(() => renameSync(after, image))
    yield* mount
  })
  return { mountPoint, sync: runSystem("sync", ["-f", mountPoint]), cut } satisfies LoopImage
})
