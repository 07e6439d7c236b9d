/** Where changes are, on the built app: marks on rows, the details, how far each device is. Rules: docs/spec/app.md. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { assert, describe } from "@effect/vitest"
import { afterAll, beforeAll, beforeEach, it, onTestFinished } from "vitest"
import { cuttableNetwork } from "./support/cuttableNetwork.ts"
import { launchChromium } from "./support/launchChromium.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  type Person,
  taskItem,
  untilStatus
} from "./support/notesApp.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")

let browser: Browser
let data: string
let server: RunningServer

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "tidemark-e2e-"))
  server = await startServer({ data, web })
  return async () => {
    await server.stop()
    await rm(data, { recursive: true, force: true })
  }
})

const person = async (): Promise<Person> => {
  const network = await cuttableNetwork(server.port)
  const made = await newPerson(browser, network)
  onTestFinished(async () => {
    await made.context.close()
    await network.close()
  })
  return made
}

/** Two people in one workspace with one task that both see. */
const twoPeople = async () => {
  const ada = await person()
  await createWorkspace(ada, "Household")
  await addTask(ada.page, "Buy milk")
  const link = await makeLink(ada, "Editor")
  await go(ada.page, "Tasks")
  const ben = await person()
  await joinByLink(ben, link, "Ours")
  await taskItem(ben.page, "Buy milk").waitFor()
  return { ada, ben }
}

const markOn = (page: Page, title: string) => taskItem(page, title).getByText("Not yet on the server")

const online = (page: Page) => page.evaluate(() => globalThis.dispatchEvent(new Event("online")))

/** Opens a task and what it says of its place. */
const openPlaces = async (page: Page, title: string) => {
  await taskItem(page, title).getByRole("button", { name: title, exact: true }).click()
  await page.getByRole("button", { name: /^Where it is: / }).click()
  return page.getByRole("list", { name: "Where it is" })
}

const closePlaces = async (page: Page): Promise<void> => {
  await page.keyboard.press("Escape")
  await page.getByRole("list", { name: "Where it is" }).waitFor({ state: "detached" })
  await page.keyboard.press("Escape")
  await page.getByRole("dialog", { name: "Task" }).waitFor({ state: "detached" })
}

describe("where changes are", () => {
  it("APP-20 APP-21 a row made offline carries its mark over a reload and a killed server, and the details follow it", async () => {
    const { ada, ben } = await twoPeople()
    await untilStatus(ada.page, /^Sync status: Synced$/)
    await markOn(ada.page, "Buy milk").waitFor({ state: "detached" })

    ada.network.cut()
    await untilStatus(ada.page, /Sync status: Offline/)
    await addTask(ada.page, "Mend the net")
    await markOn(ada.page, "Mend the net").waitFor()
    await ada.page.reload()
    await markOn(ada.page, "Mend the net").waitFor()
    assert.strictEqual(await markOn(ada.page, "Buy milk").count(), 0)
    const before = await openPlaces(ada.page, "Mend the net")
    await before.getByText("On this device").waitFor()
    await before.getByText("Not yet on the server").waitFor()
    await before.getByText("On 1 of 2 devices").waitFor()
    await closePlaces(ada.page)

    // The network is back, and the server is dead.
    await server.kill()
    ada.network.heal()
    await online(ada.page)
    await untilStatus(ada.page, /pending/)
    assert.strictEqual(await markOn(ada.page, "Mend the net").count(), 1)
    server = await startServer({ data, web, port: server.port })
    await online(ada.page)
    await markOn(ada.page, "Mend the net").waitFor({ state: "detached", timeout: 40_000 })
    await taskItem(ben.page, "Mend the net").waitFor({ timeout: 40_000 })
    const after = await openPlaces(ada.page, "Mend the net")
    await after.getByText(/^On the server \(no\. \d+\)$/).waitFor()
    // Ben's device has it, and says so.
    await after.getByText("On 2 of 2 devices").waitFor({ timeout: 40_000 })
    await closePlaces(ada.page)
  })

  it("APP-21 settings tell how far each device is", async () => {
    const { ada, ben } = await twoPeople()
    await go(ada.page, "Settings")
    const devices = ada.page.getByRole("list", { name: "How far each device is" })
    await devices.getByText("the one you hold").waitFor()
    await devices.getByText(/has everything/).waitFor()
    ben.network.cut()
    await untilStatus(ben.page, /Sync status: Offline/)
    await go(ada.page, "Tasks")
    await addTask(ada.page, "Without Ben")
    await markOn(ada.page, "Without Ben").waitFor({ state: "detached" })
    await go(ada.page, "Settings")
    await devices.getByText(/1 change behind/).waitFor()
    ben.network.heal()
    await online(ben.page)
    await devices.getByText(/has everything/).waitFor({ timeout: 40_000 })
    assert.strictEqual(await devices.getByRole("listitem").count(), 2)
  })
})
