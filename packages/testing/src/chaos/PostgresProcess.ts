/**
 * A throwaway PostgreSQL of our own, by the script that makes one for the tests.
 *
 * The script runs as a child whose input we hold: when we end, however we end, it stops the cluster and removes it.
 */
import { Effect, Fiber } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const scriptPath = fileURLToPath(new URL("../../../../scripts/environment/postgres.ts", import.meta.url))

export interface PostgresProcess {
  readonly url: string
  /** `pg_ctl restart -m immediate`: ends it as a crash does and starts it again. */
  readonly restart: Effect.Effect<void>
  /** Its first process's id; once it is killed, it stays down until `release`, which waits until it answers. */
  readonly hold: Effect.Effect<number>
  readonly release: Effect.Effect<void>
}

/**
 * Starts one for the scope, its files on the disk that is mounted at `disk`. Dies with what the script printed where there
 * is no PostgreSQL.
 */
export const startPostgresOn = Effect.fnUntraced(function* (disk?: string) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const args = disk === undefined ? [scriptPath] : [scriptPath, disk]
      return spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
    }),
    (started) =>
      Effect.promise(async () => {
        if (started.exitCode !== null) return
        const ended = once(started, "exit")
        started.stdin.end()
        await ended
      })
  )
  const lines = createInterface({ input: child.stdout })
  const line = () =>
    Effect.callback<string, Error>((resume) => {
      const settle = (effect: Effect.Effect<string, Error>) => {
        lines.off("line", onLine)
        child.off("exit", onExit)
        resume(effect)
      }
      const onLine = (text: string) => settle(Effect.succeed(text))
      const onExit = () => settle(Effect.fail(new Error("the throwaway PostgreSQL has ended")))
      lines.on("line", onLine)
      child.on("exit", onExit)
    })
  const url = yield* Effect.orDie(line())
  const tell = (command: string) =>
    Effect.gen(function* () {
      const answer = yield* Effect.forkChild(line(), { startImmediately: true })
      child.stdin.write(`${command}\n`)
      return yield* Fiber.join(answer)
    }).pipe(Effect.orDie)
  return {
    url,
    restart: Effect.asVoid(tell("restart")),
    hold: Effect.map(tell("hold"), Number),
    release: Effect.asVoid(tell("release"))
  } satisfies PostgresProcess
})

/** Starts one for the scope. */
export const startPostgres = startPostgresOn()
