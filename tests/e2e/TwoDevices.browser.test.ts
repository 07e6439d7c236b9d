/** The main job on real input: two browsers, a real server, real encryption, offline and back. Rules: docs/spec/app.md. */
import { rm } from "node:fs/promises"
import { assert, describe } from "@effect/vitest"
import { it } from "vitest"
import {
  addTask,
  checkTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  type Person,
  pressSyncNow,
  showAllTasks,
  taskItem,
  untilStatus,
  untilTasks
} from "./support/notesApp.ts"
import { standForEachTest, twoPeople } from "./support/standing.ts"

const stand = standForEachTest()
const person = () => stand.person()

/** How long two devices may take to show the same once both are back, in milliseconds. */
const backMillisMax = 2_000

describe("two devices", () => {
  it("APP-1 edit the same records offline, reload offline, come back, and show the same", async () => {
    const { ada, ben } = await twoPeople(person)
    for (const { network, page } of [ada, ben]) {
      network.cut()
      await untilStatus(page, /Sync status: Offline/)
    }
    await addTask(ada.page, "Call the harbour master")
    await checkTask(ada.page, "Buy milk")
    await addTask(ben.page, "Mend the net")
    await rename(ben, "Buy milk", "Buy oat milk")
    for (const { page } of [ada, ben]) {
      await page.reload()
      await showAllTasks(page)
    }
    await untilTasks(ada.page, ["x Buy milk", "o Call the harbour master"])
    await untilTasks(ben.page, ["o Buy oat milk", "o Mend the net"])
    await addTask(ada.page, "Written after the reload")
    await untilStatus(ada.page, /Offline, \d+ pending/)

    for (const { network } of [ada, ben]) network.heal()
    for (const { page } of [ada, ben]) await pressSyncNow(page)
    const both = ["x Buy oat milk", "o Call the harbour master", "o Mend the net", "o Written after the reload"]
    await Promise.all([ada, ben].map(({ page }) => untilTasks(page, both, backMillisMax)))
    for (const { page } of [ada, ben]) await untilStatus(page, /^Sync status: Synced$/)
  })

  it("APP-2 the link's secret leaves the address at once and is in nothing that is sent", async () => {
    const { ben, link } = await twoPeople(person)
    assert.notInclude(ben.page.url(), "#")
    const addresses = await ben.page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name))
    const [, token = "", secret = ""] = new URL(link).hash.slice(1).split(".")
    const secretBytes = Buffer.from(secret, "base64url").subarray(0, 32)
    const sent = ben.network.sent()
    // The token is what may be sent, so it shows that the search finds what is there.
    assert.isTrue(sent.includes(token.replaceAll("~", ".")))
    for (const needle of [secret, secretBytes, secretBytes.toString("hex"), secretBytes.toString("base64")]) {
      assert.isFalse(sent.includes(needle))
    }
    assert.isFalse(addresses.some((address) => address.includes(secret)))
    assert.isFalse(stand.server.printed().includes(token.slice(0, 40)))
  })

  it("APP-3 a server killed while both type and started again has everything", async () => {
    const { ada, ben } = await twoPeople(person)
    const typed = ["o Buy milk"]
    for (let round = 0; round < 4; round++) {
      await Promise.all([
        addTask(ada.page, `ada before ${round}`),
        addTask(ben.page, `ben before ${round}`),
        stand.server.kill()
      ])
      await addTask(ada.page, `ada while it is down ${round}`)
      typed.push(`o ada before ${round}`, `o ben before ${round}`, `o ada while it is down ${round}`)
      await stand.startAgain()
    }
    for (const { page } of [ada, ben]) await pressSyncNow(page)
    await Promise.all([ada, ben].map(({ page }) => untilTasks(page, typed, 40_000)))
    for (const { page } of [ada, ben]) await untilStatus(page, /^Sync status: Synced$/)
    // A third device, which never saw any of it, gets all of it from the server alone.
    const link = await makeLink(ada, "Reader")
    const eve = await person()
    await joinByLink(eve, link, "Theirs")
    await untilTasks(eve.page, typed)
  })

  it("APP-12 a server whose data was deleted is filled again by the devices, with nothing asked and nothing lost", async () => {
    const { ada, ben } = await twoPeople(person)
    await addTask(ben.page, "Written by Ben")
    await untilStatus(ben.page, /^Sync status: Synced$/)
    await taskItem(ada.page, "Written by Ben").waitFor()
    ben.network.cut()
    await stand.server.kill()
    await rm(stand.data, { recursive: true })
    await stand.startAgain()
    await pressSyncNow(ada.page)
    await addTask(ada.page, "Written after the loss")
    await untilStatus(ada.page, /^Sync status: Synced$/)
    // Ben is away, and yet what he wrote is on the server: a new device gets all of it.
    const eve = await person()
    const link = await makeLink(ada, "Reader")
    await joinByLink(eve, link, "Theirs")
    const all = ["o Buy milk", "o Written by Ben", "o Written after the loss"]
    await untilTasks(eve.page, all)
    ben.network.heal()
    await pressSyncNow(ben.page)
    await untilTasks(ben.page, all)
    await untilStatus(ben.page, /^Sync status: Synced$/)
  })

  it("APP-4 a new page opens and is edited without a network after one visit", async () => {
    const ada = await person()
    await createWorkspace(ada, "Alone")
    await addTask(ada.page, "Written online")
    await untilStatus(ada.page, /^Sync status: Synced$/)
    const address = ada.page.url()
    ada.network.cut()
    await ada.page.close()
    const again = await ada.context.newPage()
    await again.goto(address)
    await taskItem(again, "Written online").waitFor()
    await addTask(again, "Written offline")
    await again.goto(ada.network.origin)
    await again.getByRole("link", { name: /Alone/ }).click()
    await untilTasks(again, ["o Written online", "o Written offline"])
    ada.network.heal()
    await pressSyncNow(again)
    await untilStatus(again, /^Sync status: Synced$/)
  })

  it("APP-5 contacts and tasks are archived and restored, and the other device shows it", async () => {
    const { ada, ben } = await twoPeople(person)
    await ada.page.getByRole("button", { name: "Archive Buy milk" }).click()
    await taskItem(ben.page, "Buy milk").waitFor({ state: "detached" })
    await go(ben.page, "Archive")
    await ben.page.getByRole("button", { name: "Restore Buy milk" }).click()
    await taskItem(ada.page, "Buy milk").waitFor()
    await go(ben.page, "Contacts")
    const field = ben.page.getByLabel("New contact")
    await field.fill("Grace")
    await field.press("Enter")
    await go(ada.page, "Contacts")
    await ada.page.getByRole("button", { name: "Grace", exact: true }).waitFor()
  })

  it("APP-6 a reader changes nothing for others, and a revoked device is told so", async () => {
    const { ada, ben } = await twoPeople(person, "Reader")
    assert.strictEqual(await ben.page.getByLabel("New task").count(), 0)
    await go(ada.page, "Share")
    await ada.page
      .getByRole("list", { name: "Devices" })
      .getByRole("button", { name: /Shut out/ })
      .click()
    await ada.page.getByRole("dialog").getByRole("button", { name: "Shut out" }).click()
    await untilStatus(ben.page, /Needs a look/)
    await ben.page.getByRole("button", { name: /Sync status/ }).click()
    await ben.page.getByText("An owner ended this access").waitFor()
    await taskItem(ben.page, "Buy milk").waitFor()
  })
})

const rename = async ({ page }: Person, from: string, to: string): Promise<void> => {
  await page.getByRole("button", { name: from, exact: true }).click()
  const title = page.getByRole("dialog").getByLabel("Title")
  await title.fill(to)
  await title.blur()
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click()
  await taskItem(page, to).waitFor()
}
