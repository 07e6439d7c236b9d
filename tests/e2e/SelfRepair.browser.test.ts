/**
 * Damage of what the built app stores, in a real browser: found, set aside, repaired, and reported. Rules:
 * docs/spec/check.md.
 */
import { assert, describe } from "@effect/vitest"
import type { Page } from "playwright-core"
import { it } from "vitest"
import { addTask, createWorkspace, go, shownTasks, untilStatus, untilTasks } from "./support/notesApp.ts"
import { standForEachTest } from "./support/standing.ts"

const stand = standForEachTest()

/** Someone with three tasks that the server has. */
const personWithTasks = async () => {
  const person = await stand.person()
  await createWorkspace(person, "Home")
  for (const title of ["anchor", "buoy", "cleat"]) await addTask(person.page, title)
  await untilStatus(person.page, /^Sync status: Synced$/)
  return person
}

/**
 * Changes every record of these tables as a rotten disk would: a bit of its bytes, or a letter of the field named; or takes
 * all of them away, where that is "nothing".
 */
const damage = (page: Page, fieldByTable: Readonly<Record<string, string>>): Promise<number> =>
  page.evaluate(
    async ({ fields, name }) => {
      const done = <A>(request: IDBRequest<A>) =>
        new Promise<A>((resolve, reject) => {
          request.addEventListener("success", () => resolve(request.result))
          request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")))
        })
      const database = await done(indexedDB.open(name))
      const transaction = database.transaction(Object.keys(fields), "readwrite")
      let count = 0
      for (const [table, field] of Object.entries(fields)) {
        const store = transaction.objectStore(table)
        if (field === "nothing") {
          count += await done(store.count())
          await done(store.clear())
          continue
        }
        for (const row of await done<Array<Record<string, unknown>>>(store.getAll())) {
          const value = row[field]
          row[field] =
            value instanceof Uint8Array
              ? value.map((byte, index) => (index === value.length - 1 ? byte ^ 4 : byte))
              : `${String(value)} rotten`
          await done(store.put(row))
          count += 1
        }
      }
      database.close()
      return count
    },
    { fields: fieldByTable, name: `tidemark-${/\/w\/([\w-]{22})/.exec(page.url())?.[1] ?? ""}` }
  )

/** Runs a check and gives the report's words. */
const reportOf = async (page: Page): Promise<string> => {
  // Away and back: the last report is gone then.
  await go(page, "Tasks")
  await go(page, "Settings")
  await page.getByRole("button", { name: "Check my data" }).click()
  const report = page.getByRole("region", { name: "Report of the check" })
  await report.waitFor()
  return report.innerText()
}

const tasks = ["o anchor", "o buoy", "o cleat"]

describe("check my data", () => {
  it("CHECK-16 says that everything is whole where nothing is damaged", async () => {
    const { page } = await personWithTasks()
    const words = await reportOf(page)
    assert.match(words, /Everything is whole/)
    assert.match(words, /\d+ records and 3 rows were read/)
  })

  it("CHECK-16 documents, rows, values and leases that rotted are repaired from the server, and the report names them", async () => {
    const { page } = await personWithTasks()
    const count = await damage(page, {
      tm_updates: "bytes",
      tm_leases: "nonce",
      tm_meta: "value",
      tm_edits: "doc",
      tasks: "title"
    })
    assert.isAbove(count, 10)
    // Nothing is in memory any more: what is repaired comes from the disk and the server.
    await page.reload()
    await go(page, "Tasks")
    await untilTasks(page, ["o anchor rotten", "o buoy rotten", "o cleat rotten"])
    const words = await reportOf(page)
    assert.match(words, /Damage was found/)
    for (const line of [/\d edits?: /, /author number/, /values this device keeps.*second copy/]) {
      assert.match(words, line)
    }
    await untilStatus(page, /^Sync status: Synced/)
    const later = await reportOf(page)
    assert.notMatch(later, /could not be repaired|being repaired/)
    assert.match(await reportOf(page), /Everything is whole/)
    for (const again of [false, true]) {
      if (again) await page.reload()
      await go(page, "Tasks")
      await untilTasks(page, tasks)
    }
    await addTask(page, "after")
    await untilStatus(page, /^Sync status: Synced$/)
    assert.deepStrictEqual([...(await shownTasks(page))].toSorted(), ["o after", ...tasks])
  })

  it("CHECK-19 documents that vanished whole are missed, and fetched again", async () => {
    const { page } = await personWithTasks()
    assert.isAbove(await damage(page, { tm_updates: "nothing" }), 1)
    await page.reload()
    const words = await reportOf(page)
    assert.match(words, /Damage was found/)
    assert.match(words, /\d edits?: /)
    await untilStatus(page, /^Sync status: Synced/)
    assert.notMatch(await reportOf(page), /could not be repaired|being repaired/)
    await page.reload()
    await go(page, "Tasks")
    await untilTasks(page, tasks)
    await addTask(page, "after")
    await untilStatus(page, /^Sync status: Synced$/)
    assert.match(await reportOf(page), /Everything is whole/)
  })

  it("CHECK-16 an edit that only this device had is called lost, never repaired, and the app goes on", async () => {
    const { network, page } = await personWithTasks()
    network.cut()
    await untilStatus(page, /Offline/)
    await addTask(page, "only here")
    await damage(page, { tm_updates: "bytes" })
    await page.reload()
    const words = await reportOf(page)
    assert.match(words, /1 edit could not be repaired/)
    assert.match(words, /kept aside/)
    network.heal()
    await untilStatus(page, /^Sync status: Synced/)
    assert.match(await reportOf(page), /1 edit could not be repaired/)
    await go(page, "Tasks")
    await untilTasks(page, tasks)
    await addTask(page, "after")
    await untilStatus(page, /^Sync status: Synced/)
  })
})
