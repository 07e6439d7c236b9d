/**
 * A disk whose power can be cut: an ext4 file system in an image file, mounted through a loop device.
 *
 * A cut copies the image while every writer is stopped: what was synced is in the copy, what only the kernel had in memory
 * is not. A simulation: it knows nothing of disks that lie about a flush. Needs root and a loop device.
 * Rules: docs/spec/chaos.md.
 */
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import { constants, copyFileSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pauseFor } from "./internal/wallClock.ts"

/** The size of an image, in bytes: copied at every cut, and sparse where the file system can. */
const imageBytes = 96 * 1_048_576
/** How often an unmount is tried: the kernel may hold on to a killed process's files for a moment. */
const unmountAttemptsMax = 100

/** This machine does not let us mount; the message quotes it. */
export class MountRefused extends Schema.TaggedError<MountRefused>()("MountRefused", { message: Schema.String }) {}

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<void, MountRefused>((resume) => {
    execFile(command, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } }, (error, _stdout, stderr) =>
      resume(
        error === null
          ? Effect.void
          : Effect.fail(new MountRefused({ message: `${command}: ${stderr.trim() || error.message}` }))
      )
    )
  })

/** Every thread of a process stands still ("T") or is gone ("Z"). */
const isStopped = (pid: number): boolean => {
  try {
    return /^State:\s+[TZ]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return true
  }
}

const stop = (pid: number) =>
  Effect.gen(function* () {
    yield* Effect.sync(() => process.kill(pid, "SIGSTOP"))
    while (!isStopped(pid)) yield* pauseFor(1)
  })

const unmount = (mountPoint: string) =>
  Effect.gen(function* () {
    for (let attempt = 1; ; attempt++) {
      const isDone = yield* run("umount", mountPoint).pipe(
        Effect.as(true),
        Effect.catch((error) => (attempt < unmountAttemptsMax ? Effect.succeed(false) : Effect.fail(error)))
      )
      if (isDone) return
      yield* pauseFor(20)
    }
  })

export interface LoopImage {
  readonly mountPoint: string
  /** Writes everything to the image, as if much time had passed. */
  readonly sync: Effect.Effect<void, MountRefused>
  /** Cuts the power under one stopped process, which `kill` ends, and mounts what the disk held. */
  readonly cut: (pid: number, kill: Effect.Effect<void>) => Effect.Effect<void, MountRefused>
}

/** A new file system in a folder, unmounted with the scope. */
export const makeLoopImage = Effect.fnUntraced(function* (folder: string) {
  const image = join(folder, "disk")
  const after = join(folder, "disk-after-the-cut")
  const mountPoint = join(folder, "mounted")
  const mount = run("mount", "-o", "loop", image, mountPoint)
  yield* Effect.sync(() => {
    mkdirSync(mountPoint)
    writeFileSync(image, "")
    truncateSync(image, imageBytes)
  })
  yield* run("mkfs.ext4", "-q", "-F", "-m", "0", image)
  let isMounted = false
  yield* Effect.addFinalizer(() => (isMounted ? Effect.ignore(unmount(mountPoint)) : Effect.void))
  yield* mount
  isMounted = true
  const cut = Effect.fnUntraced(function* (pid: number, kill: Effect.Effect<void>) {
    yield* stop(pid)
    yield* Effect.sync(() => copyFileSync(image, after, constants.COPYFILE_FICLONE))
    yield* kill
    yield* unmount(mountPoint)
    isMounted = false
    yield* Effect.sync(() => renameSync(after, image))
    yield* mount
    isMounted = true
  })
  return { mountPoint, sync: run("sync", "-f", mountPoint), cut } satisfies LoopImage
})
