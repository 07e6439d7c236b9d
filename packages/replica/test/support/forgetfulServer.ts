/** A real server over a real SQLite file that can be stopped, emptied, and set back to a copy. */
import { cpSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Exit, Scope } from "effect"
import type { MemoryDisk } from "@tidemark/sync"
import { type Answered, dataFolder, type Device, type Fetched, openDevice, startServer } from "./network.ts"

/** A server that can be stopped, lose its files, and start again at the same address. */
export const makeServer = Effect.gen(function* () {
  const folder = yield* dataFolder
  const copy = yield* dataFolder
  let scope = yield* Scope.make()
  const origin = yield* Scope.provide(startServer(folder), scope)
  const stop = Effect.suspend(() => Scope.close(scope, Exit.void))
  yield* Effect.addFinalizer(() => stop)
  const startWith = Effect.fnUntraced(function* (workspaceBytesMax?: number) {
    scope = yield* Scope.make()
    yield* Scope.provide(startServer(folder, Number(new URL(origin).port), undefined, workspaceBytesMax), scope)
  })
  /** The database's files, without the secret. */
  const filesIn = (where: string) => readdirSync(where).filter((name) => name !== "secret" && !name.includes("lock"))
  const wipe = Effect.sync(() => {
    for (const name of filesIn(folder)) rmSync(join(folder, name), { recursive: true })
  })
  const open = (readOnly: boolean) => {
    const name = filesIn(folder).find((one) => one.endsWith(".sqlite") || one.endsWith(".db"))
    return new DatabaseSync(join(folder, name ?? "none"), { readOnly })
  }
  return {
    origin,
    stop,
    start: startWith(),
    /** Starts it with another quota. */
    startWith,
    /** The database is told something by somebody else, while the server runs. */
    tellDatabase: (sql: string) =>
      Effect.sync(() => {
        const database = open(false)
        database.exec(sql)
        database.close()
      }),
    /** What the stopped server holds is thrown away; its secret stays. */
    wipe,
    loseSecret: Effect.sync(() => rmSync(join(folder, "secret"))),
    /** Copies what the stopped server holds, or puts the copy back. */
    backup: Effect.sync(() => {
      for (const name of filesIn(folder)) cpSync(join(folder, name), join(copy, name), { recursive: true })
    }),
    restore: Effect.andThen(
      wipe,
      Effect.sync(() => cpSync(copy, folder, { recursive: true }))
    ),
    /** The entries of the log. */
    entryCount: Effect.sync(() => {
      const database = open(true)
      const row = database.prepare("SELECT count(*) AS count FROM entries").get()
      database.close()
      return Number(row?.["count"])
    }),
    /** How many entries the log has, and of how many there are bytes. */
    liveEntries: Effect.sync(() => {
      const database = open(true)
      const row = database.prepare("SELECT count(*) AS stored, count(entry) AS live FROM entries").get()
      database.close()
      return { stored: Number(row?.["stored"]), live: Number(row?.["live"]) }
    }),
    /** The stopped server loses the bytes of an entry and keeps its hash, so that the chain still fits. Gives the bytes. */
    loseEntry: (seq: number) =>
      Effect.sync(() => {
        const database = open(false)
        const row = database.prepare("SELECT entry FROM entries WHERE seq = ?").get(seq)
        database.prepare("UPDATE entries SET entry = NULL WHERE seq = ?").run(seq)
        database.close()
        const bytes = row?.["entry"]
        return bytes instanceof Uint8Array ? bytes : new Uint8Array()
      }),
    findEntry: (seq: number, bytes: Uint8Array) =>
      Effect.sync(() => {
        const database = open(false)
        database.prepare("UPDATE entries SET entry = ? WHERE seq = ?").run(bytes, seq)
        database.close()
      })
  }
})

/** Runs a device for as long as `use` takes. */
export const during = <A, E, R>(
  disk: MemoryDisk,
  use: (device: Device) => Effect.Effect<A, E, R>,
  fetched?: Fetched,
  answered?: Answered
) => Effect.scoped(Effect.flatMap(openDevice(disk, fetched, undefined, undefined, answered), use))
