/**
 * The built app with a server that lost the bytes of one entry: a device that joins says that it waits, and is whole as soon
 * as a device that has them connects. Rules: docs/spec/history.md.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, it } from "vitest"
import { type HostileProxy, hostileProxy, swallow } from "./support/hostileProxy.ts"
import { launchChromium } from "./support/launchChromium.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  type Person,
  untilStatus,
  untilTasks
} from "./support/notesApp.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")

let data: string
let browser: Browser
let server: RunningServer
let ada: Person<HostileProxy>

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tidemark-missing-"))
  server = await startServer({ data, web })
  browser = await launchChromium()
  ada = await newPerson(browser, await hostileProxy(server.port))
})

afterAll(async () => {
  await browser.close()
  await ada.network.close()
  await server.stop()
  await rm(data, { recursive: true, force: true })
})

/** The stopped server loses the bytes of an entry; its hash stays, so that the chain fits. */
const loseEntry = async (seq: number): Promise<void> => {
  const name = (await readdir(data)).find((one) => one.endsWith(".sqlite") || one.endsWith(".db"))
  const database = new DatabaseSync(join(data, name ?? "none"))
  const { changes } = database.prepare("UPDATE entries SET entry = NULL WHERE seq = ?").run(seq)
  database.close()
  assert.strictEqual(Number(changes), 1)
}

/** What the badge's details say. */
const sentence = async (page: Page): Promise<string> => {
  await page.getByRole("button", { name: /^Sync status/ }).click()
  const text = await page.getByRole("dialog").innerText()
  await page.keyboard.press("Escape")
  return text
}

const all = ["o Buy milk", "o Call Ann", "o Fix the door"]

describe("a server that lost an entry", () => {
  it("HISTORY-3 HISTORY-5 a device that joins says that it waits, and gets it from the first that has it", async () => {
    await createWorkspace(ada, "Household")
    for (const title of ["Buy milk", "Call Ann", "Fix the door"]) {
      await addTask(ada.page, title)
      await untilStatus(ada.page, /^Sync status: Synced$/)
    }
    const link = await makeLink(ada, "Editor")
    await go(ada.page, "Tasks")
    // Ada is away while the server loses her second edit.
    ada.network.treat(() => swallow, { silent: true })
    await server.stop()
    await loseEntry(2)
    server = await startServer({ data, web, port: server.port })

    const ben = await newPerson(browser, { origin: server.origin })
    await joinByLink(ben, link, "Theirs")
    await ben.page.locator('[data-status="Stalled"]').waitFor({ timeout: 40_000 })
    assert.match(await sentence(ben.page), /1 document waits for edits that no device has sent yet/)
    await untilTasks(ben.page, ["o Buy milk"])
    // What Ben writes meanwhile goes its way, and is not lost behind the gap.
    await addTask(ben.page, "Ben was here")

    ada.network.behave()
    await untilTasks(ben.page, [...all, "o Ben was here"], 60_000)
    for (const { page } of [ada, ben]) await untilStatus(page, /^Sync status: Synced$/, 60_000)
    await untilTasks(ada.page, [...all, "o Ben was here"])
    // The log alone is whole again.
    const eve = await newPerson(browser, { origin: server.origin })
    await go(ada.page, "Share")
    await joinByLink(eve, await makeLink(ada, "Reader"), "Hers")
    await untilTasks(eve.page, [...all, "o Ben was here"])
    await untilStatus(eve.page, /^Sync status: Synced$/)
  }, 180_000)
})
