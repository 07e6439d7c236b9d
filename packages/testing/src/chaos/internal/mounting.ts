/** Mounting, for disks of our own that can fail. Needs root; a machine that refuses says why in `MountRefused`. */
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import { pauseFor } from "./wallClock.ts"

/** How often an unmount is tried: the kernel may hold on to a killed process's files for a moment. */
const unmountAttemptsMax = 100

/** This machine does not let us mount; the message quotes it. */
export class MountRefused extends Schema.TaggedError<MountRefused>()("MountRefused", { message: Schema.String }) {}

/** Runs a program of the system; `codeMax` is the highest exit code that is no failure. */
export const runSystem = (command: string, args: ReadonlyArray<string>, codeMax = 0) =>
  Effect.callback<void, MountRefused>((resume) => {
    execFile(command, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } }, (error, _stdout, stderr) => {
      const isDone = error === null || (typeof error.code === "number" && error.code <= codeMax)
      const message = `${command}: ${stderr.trim() || error?.message}`
      resume(isDone ? Effect.void : Effect.fail(new MountRefused({ message })))
    })
  })

const unmount = (mountPoint: string) =>
  Effect.gen(function* () {
    for (let attempt = 1; ; attempt++) {
      const isDone = yield* runSystem("umount", [mountPoint]).pipe(
        Effect.as(true),
        Effect.catch((error) => (attempt < unmountAttemptsMax ? Effect.succeed(false) : Effect.fail(error)))
      )
      if (isDone) return
      yield* pauseFor(20)
    }
  })

/** A place where something can be mounted, again and again; unmounted with the scope. */
export const makeMountPoint = Effect.fnUntraced(function* (mountPoint: string, args: ReadonlyArray<string>) {
  let isMounted = false
  yield* Effect.addFinalizer(() => (isMounted ? Effect.ignore(unmount(mountPoint)) : Effect.void))
  const set = (now: boolean) => Effect.sync(() => (isMounted = now))
  return {
    mount: Effect.andThen(runSystem("mount", [...args, mountPoint]), set(true)),
    unmount: Effect.andThen(unmount(mountPoint), set(false))
  }
})
