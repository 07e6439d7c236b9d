/** Where changes are, on the built app: marks on rows, the details, how far each device is. Rules: docs/spec/app.md. */
import type { Page } from "playwright-core"
import { assert, describe } from "@effect/vitest"
import { it } from "vitest"
import { addTask, go, taskItem, untilStatus } from "./support/notesApp.ts"
import { standForEachTest, twoPeople } from "./support/standing.ts"

const stand = standForEachTest()
const person = () => stand.person()

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
    const { ada, ben } = await twoPeople(person)
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
    await stand.server.kill()
    ada.network.heal()
    await online(ada.page)
    await untilStatus(ada.page, /pending/)
    assert.strictEqual(await markOn(ada.page, "Mend the net").count(), 1)
    await stand.startAgain()
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
    const { ada, ben } = await twoPeople(person)
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
