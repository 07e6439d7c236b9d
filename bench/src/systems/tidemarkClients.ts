/** Tidemark's devices as clients of the harness. */
import { Effect } from "effect"
import { RecordId, RecordKey } from "@tidemark/model"
import type { BenchRecord } from "../BenchRecord.ts"
import type { RecordsClient, Session, SystemClients, TextClient } from "../System.ts"
import { type Row, TidemarkDevice } from "./tidemarkDevice.ts"
import { idle, pushers } from "./tidemarkLoad.ts"

/** A link that lets in this many devices, and how long it is good for. */
const linkUses = 1_000
const linkMillis = 3_600_000

/** The id of the text of a name, once it has come. */
type IdOf = (name: string) => string | undefined

const textClient = (device: TidemarkDevice, name: string, idOf: IdOf): TextClient => {
  let id: string | undefined
  const idNow = (): string | undefined => (id ??= idOf(name))
  const text = (): string => {
    const found = idNow()
    return found === undefined ? "" : String(device.row("texts", found)?.["body"] ?? "")
  }
  return {
    text,
    length: () => text().length,
    edit: (splices) => {
      const found = idNow()
      if (found === undefined) throw new Error(`no text "${name}" has come`)
      const body = { splices: splices.map(({ at, insert, remove }): [number, number, string] => [at, remove, insert]) }
      // Typing does not wait for the disk; what is refused or fails is thrown by `stored` and `flushed`.
      void device.change([{ _tag: "Update", table: "texts", id: RecordId.make(found), values: { body } }])
    },
    onChange: (listener) => device.onCommit(listener)
  }
}

/** Names are looked up in all texts, and again only when there was a commit since. */
const textIdsOf = (device: TidemarkDevice): IdOf => {
  const ids = new Map<string, string>()
  let isBehind = true
  device.onCommit(() => (isBehind = true))
  return (name) => {
    if (!ids.has(name) && isBehind) {
      isBehind = false
      for (const row of device.rows("texts")) ids.set(String(row["name"]), String(row["id"]))
    }
    return ids.get(name)
  }
}

const recordsClient = (device: TidemarkDevice): RecordsClient => {
  const ids = new Map<number, string>()
  const idOf = (number: number): string | undefined => {
    if (!ids.has(number)) for (const row of device.rows("tasks")) ids.set(Number(row["number"]), String(row["id"]))
    return ids.get(number)
  }
  return {
    create: async (records) => {
      const made = await device.change(
        records.map(({ done, due, note, number, title }) => ({
          _tag: "Insert",
          table: "tasks",
          values: { number, title, done, due: new Date(due).toISOString(), note }
        }))
      )
      for (const [index, { number }] of records.entries()) ids.set(number, made.ids[index] ?? "")
    },
    retitle: async (number, title) => {
      const id = idOf(number)
      if (id === undefined) throw new Error(`no record ${number} has come`)
      await device.change([{ _tag: "Update", table: "tasks", id: RecordId.make(id), values: { title } }])
    },
    count: () => device.count("tasks"),
    titleOf: (number) => {
      const id = idOf(number)
      return id === undefined ? undefined : String(device.row("tasks", id)?.["title"])
    },
    all: () => {
      const rows = device.rows("tasks")
      for (const row of rows) ids.set(Number(row["number"]), String(row["id"]))
      return rows.map(rowToRecord)
    },
    onChange: (listener) => device.onCommit(listener)
  }
}

const rowToRecord = (row: Row): BenchRecord => ({
  number: Number(row["number"]),
  title: String(row["title"]),
  done: row["done"] === 1,
  due: Number(row["due"]),
  note: String(row["note"])
})

const sessionOf = (device: TidemarkDevice): Session => {
  const textIdOf = textIdsOf(device)
  return {
    create: async (name) => {
      const values = { name }
      const { ids } = await device.change([{ _tag: "Ensure", table: "texts", key: RecordKey.make(name), values }])
      return textClient(device, name, () => ids[0])
    },
    open: async (name) => {
      await device.synced()
      return textClient(device, name, textIdOf)
    },
    records: async () => {
      await device.synced()
      return recordsClient(device)
    },
    stored: () => device.stored(),
    flushed: () => device.flushed(),
    rested: () => device.rested(device.rows("texts").map(({ id }) => String(id))),
    disconnect: () => device.disconnect(),
    reconnect: () => device.reconnect(),
    close: () => device.close(),
    storeFile: device.path
  }
}

export const clients: SystemClients = {
  prepare: async (place) => {
    const device = await TidemarkDevice.open(place)
    await device.synced()
    const link = await Effect.runPromise(
      device.replica.share({ role: "editor", expiresAt: Date.now() + linkMillis, uses: linkUses })
    )
    await device.close()
    return link
  },
  connect: async (place) => sessionOf(await TidemarkDevice.open(place)),
  idle,
  pushers
}
