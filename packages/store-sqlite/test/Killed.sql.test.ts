import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { bytesToId, DocId, LocalSeq } from "@tidemark/protocol"
import { LocalStoreSqlite } from "@tidemark/store-sqlite"

const writer = fileURLToPath(new URL("fixtures/writer.ts", import.meta.url))
const doc = DocId.make(bytesToId(new Uint8Array(16)))

/** Runs the writer, kills it with -9 after `count` acknowledged batches, and gives the last number it acknowledged. */
const writeUntilKilled = (path: string, count: number) =>
  Effect.callback<number>((resume) => {
    const child = spawn(process.execPath, ["--no-warnings", writer, path], { stdio: ["ignore", "pipe", "inherit"] })
    let text = ""
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (chunk: string) => {
      text += chunk
      if (text.split("\n").length > count) child.kill("SIGKILL")
    })
    child.on("close", () => resume(Effect.succeed(Number(text.split("\n").at(-2) ?? "0"))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("LocalStoreSqlite, killed", () => {
  it.effect("STORE-54 a process killed in the middle loses no acknowledged batch and leaves no half one", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "tidemark-killed-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true }))
      )
      const path = join(folder, "workspace.sqlite")
      let acknowledged = 0
      for (const count of [1, 7, 40, 133]) {
        const last = yield* writeUntilKilled(path, count)
        assert.isAtLeast(last, acknowledged + count)
        acknowledged = last
        const { store, rows } = yield* LocalStoreSqlite.open({ path })
        const stored = Number((yield* store.meta(["n"])).get("n"))
        assert.isAtLeast(stored, acknowledged)
        assert.strictEqual((yield* store.tail(doc, LocalSeq.make(0))).updates.length, 3 * stored)
        assert.strictEqual((yield* rows("tasks")).length, stored)
        assert.strictEqual((yield* store.counts).unsealed, 3 * stored)
      }
    })
  )
})
