/** The throwaway PostgreSQL is durable unless asked otherwise, reachable from here alone, and never outlives its starter. */
import { spawn, spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, watch } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { postgresPrograms } from "./internal/postgresPrograms.ts"
import { startThrowawayPostgres } from "./postgres.ts"

const psql = async (url: string, statement: string): Promise<string> => {
  const program = join(await postgresPrograms(), "psql")
  const run = spawnSync(program, ["-d", url, "-X", "-A", "-t", "-c", statement], { encoding: "utf8" })
  return run.status === 0 ? run.stdout.trim() : run.stderr.trim()
}

const connected = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket))
    socket.once("error", reject)
  })

/** Resolves when `folder` holds nothing any more; watches from the moment of the call. */
const emptied = (folder: string): Promise<void> =>
  new Promise((resolve) => {
    const watcher = watch(folder, () => {
      if (readdirSync(folder).length > 0) return
      watcher.close()
      resolve()
    })
  })

/** A program that starts a server, prints its address, and stays. */
const starter = `
import { startThrowawayPostgres } from ${JSON.stringify(join(import.meta.dirname, "postgres.ts"))}
process.stdout.write((await startThrowawayPostgres()).url)
process.stdin.resume()
`

describe("the throwaway PostgreSQL", () => {
  it("answers with fsync on, asks for a password, and is gone after stop, twice", async () => {
    const postgres = await startThrowawayPostgres()
    assert.strictEqual(await psql(postgres.url, "select current_setting('fsync')"), "on")
    const withoutPassword = postgres.url.replace(/:[0-9a-f]+@/, ":wrong@")
    assert.match(await psql(withoutPassword, "select 1"), /password authentication failed/)
    const folder = await psql(postgres.url, "show data_directory")
    assert.isTrue(existsSync(folder))
    await postgres.stop()
    await postgres.stop()
    assert.isFalse(existsSync(folder))
    assert.match(await psql(postgres.url, "select 1"), /refused/)
  })

  it("switches fsync off for a control arm", async () => {
    const postgres = await startThrowawayPostgres({ isFsyncOn: false })
    assert.strictEqual(await psql(postgres.url, "select current_setting('fsync')"), "off")
    await postgres.stop()
  })

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`ends and cleans up when its starter ends by ${signal}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "tidemark-starter-"))
      // As open as /tmp: the account that the server runs as removes its folder itself.
      chmodSync(folder, 0o1777)
      const program = spawn(process.execPath, ["--input-type=module", "-e", starter], {
        env: { ...process.env, TMPDIR: folder },
        stdio: ["pipe", "pipe", "inherit"]
      })
      const url = await new Promise<string>((resolve) =>
        program.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")))
      )
      const socket = await connected(Number(new URL(url).port))
      const closed = new Promise<void>((resolve) => {
        socket.once("error", () => resolve())
        socket.once("close", () => resolve())
      })
      assert.strictEqual(readdirSync(folder).length, 1)
      const cleaned = emptied(folder)
      program.kill(signal)
      await closed
      await cleaned
      rmSync(folder, { recursive: true })
    })
  }
})
