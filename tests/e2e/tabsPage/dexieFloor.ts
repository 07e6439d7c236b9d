/**
 * The least that a write costs in an app on Dexie: a row and a few bytes of log in one strict transaction of the page itself, and a
 * live query. No worker, no documents, no sync.
 */
import { Dexie, liveQuery, type Table } from "dexie"
import type { EditableTasks } from "./timeEdits.ts"

interface Row {
  readonly id: string
  readonly title: string
  readonly done: number
}

/** Bytes of one small edit, as a log keeps it. */
const logBytes = 100

/** Opens a database with so many finished tasks. */
export const openDexieFloor = async (rows: number): Promise<EditableTasks> => {
  const database = new Dexie("floor", { chromeTransactionDurability: "strict" })
  database.version(1).stores({ tasks: "id, done", log: "++seq" })
  const tasks: Table<Row, string> = database.table("tasks")
  const log: Table<{ readonly bytes: Uint8Array }> = database.table("log")
  const task = (title: string, done: number): Row => ({ id: crypto.randomUUID(), title, done })
  await tasks.bulkPut(Array.from({ length: rows }, (_, index) => task(`old ${index}`, 1)))
  const put = (row: Row) =>
    database.transaction("rw", tasks, log, async () => {
      await log.add({ bytes: new Uint8Array(logBytes) })
      await tasks.put(row)
    })
  return {
    watch: (shown) => liveQuery(() => tasks.where("done").equals(0).toArray()).subscribe(shown),
    insert: async (title) => {
      const row = task(title, 0)
      await put(row)
      return () => put({ ...row, done: 1 })
    }
  }
}
