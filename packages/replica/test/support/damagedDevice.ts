/** Devices whose storage is damaged by name, and what a check of them says. */
import { assert } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { CheckReport } from "@tidemark/replica"
import type { CheckedTable, MemoryDisk } from "@tidemark/sync"
import { during, makeServer } from "./forgetfulServer.ts"
import { createOn, type Device, isSent, joinBy, linkFor, reaches, until } from "./network.ts"
import { insertTask, titles } from "./tabs.ts"

export const check = (device: Device) =>
  device.replica.check.pipe(
    Stream.runLast,
    Effect.flatMap(Effect.fromOption),
    Effect.map((step): CheckReport => (step._tag === "Checked" ? step.report : assert.fail("ended without a report")))
  )

/** Every row is thrown away and made again: then they show what the docs hold, and nothing else. */
export const titlesInDocs = (disk: MemoryDisk, device: Device) =>
  Effect.gen(function* () {
    disk.rowsByTable.clear()
    yield* check(device)
    return titles(disk)
  })

export const spoil = (disk: MemoryDisk, table: CheckedTable, key: unknown, isContentWhole: boolean) =>
  disk.quarantine.spoil({ table, key: JSON.stringify(key), isContentWhole })

/** Two devices that have the same three tasks. */
export const twoDevices = Effect.gen(function* () {
  const server = yield* makeServer
  const owner = yield* createOn(server.origin)
  const guest = yield* during(owner, (device) =>
    Effect.gen(function* () {
      for (const title of ["a", "b", "c"]) yield* device.replica.change([insertTask(title)])
      yield* until(owner, isSent)
      yield* reaches(device, "Synced")
      return yield* Effect.flatMap(linkFor(device, "editor"), joinBy)
    })
  )
  yield* during(guest, (device) => reaches(device, "Synced"))
  return { server, owner, guest }
})

/** Takes a record away whole. */
export const vanish = (disk: MemoryDisk, table: CheckedTable, key: unknown) =>
  disk.quarantine.spoil({ table, key: JSON.stringify(key), isContentWhole: false, isGone: true })

/** Damages a meta value with its second copy. */
export const spoilBoth = (disk: MemoryDisk, key: string) => {
  spoil(disk, "meta", key, false)
  spoil(disk, "copies", key, false)
}
