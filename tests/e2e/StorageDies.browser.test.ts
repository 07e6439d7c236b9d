/**
 * The device's storage fails under the built app, in a real browser: no room, no connection, no database. Nothing that
 * was typed is lost, and nothing is called saved that is not. Rules: docs/spec/app.md.
 */
import { assert, describe } from "@effect/vitest"
import type { Page } from "playwright-core"
import { it, onTestFinished } from "vitest"
import { type Fault, faultyStorage } from "./support/faultyStorage.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  taskItem,
  untilStatus,
  untilTasks
} from "./support/notesApp.ts"
import { standForEachTest } from "./support/standing.ts"

const stand = standForEachTest()

const person = async () => {
  const made = await newPerson(stand.browser, stand.server)
  onTestFinished(() => made.context.close())
  return made
}

/** Someone whose IndexedDB fails when it is told to, with one task on the server. */
const personWithFaults = async () => {
  const context = await stand.browser.newContext({ serviceWorkers: "block" })
  context.setDefaultTimeout(20_000)
  onTestFinished(() => context.close())
  const storage = await faultyStorage(context)
  const page = await context.newPage()
  await page.goto(stand.server.origin)
  await createWorkspace({ page }, "Home")
  await addTask(page, "before")
  await untilStatus(page, /^Sync status: Synced$/)
  return { context, page, storage }
}

/** The database of the workspace on the screen. */
const databaseOf = (page: Page): string => `tidemark-${/\/w\/([\w-]{22})/.exec(page.url())?.[1] ?? ""}`

/** Titles that no compression makes small. */
const longTitle = (name: string): string =>
  [name, ...Array.from({ length: 4_000 }, () => crypto.randomUUID())].join(" ")

/** The first words of the tasks shown. */
const namesShown = (page: Page): Promise<ReadonlyArray<string>> =>
  page
    .getByRole("checkbox", { name: /^Done: / })
    .evaluateAll((boxes) => boxes.map((box) => box.ariaLabel?.slice(6).split(" ")[0] ?? "").toSorted())

/** Waits until the tasks shown begin with exactly these words. */
const untilNames = async (page: Page, names: ReadonlyArray<string>): Promise<void> => {
  const wanted = names.toSorted()
  await page.waitForFunction(
    (expected) => {
      const boxes = [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox][aria-label^='Done: ']")]
      return JSON.stringify(boxes.map((box) => box.ariaLabel?.slice(6).split(" ")[0]).toSorted()) === expected
    },
    JSON.stringify(wanted),
    { timeout: 90_000, polling: 100 }
  )
}

const typeTask = async (page: Page, title: string): Promise<void> => {
  const field = page.getByLabel("New task")
  await field.fill(title)
  await field.press("Enter")
}

const unsavedBanner = (page: Page) => page.getByRole("alert").filter({ hasText: /not saved yet/ })

describe("a full disk", () => {
  it("APP-13 keeps what was typed, says so, asks before the page goes, and saves it by itself when there is room", async () => {
    const { context, page } = await person()
    const devTools = await context.newCDPSession(page)
    const { origin } = stand.server
    // Before the browser has looked how much room there is: it remembers for a while.
    const { usage } = await devTools.send("Storage.getUsageAndQuota", { origin })
    await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: usage + 1_500_000 })
    await createWorkspace({ page }, "Home")
    await addTask(page, "before")
    const link = await makeLink({ page }, "Editor")
    await go(page, "Tasks")

    const names = ["before"]
    while ((await unsavedBanner(page).count()) === 0) {
      assert.isBelow(names.length, 30, "the disk is never full")
      const name = `long${names.length}`
      names.push(name)
      await typeTask(page, longTitle(name))
      await page
        .getByRole("button", { name: new RegExp(`^${name} `) })
        .or(unsavedBanner(page))
        .first()
        .waitFor()
    }
    await typeTask(page, longTitle("second"))
    names.push("second")
    await unsavedBanner(page)
      .getByText(/^New task: second/)
      .waitFor()
    assert.match(await unsavedBanner(page).innerText(), /no more room.*safe.*Free some space/s)
    assert.notInclude(await namesShown(page), "second")
    await untilStatus(page, /^Sync status: Needs a look/)

    const asked = page.waitForEvent("dialog")
    const leaving = page.close({ runBeforeUnload: true })
    const dialog = await asked
    assert.strictEqual(dialog.type(), "beforeunload")
    await dialog.dismiss()
    await leaving
    const question = page.waitForEvent("dialog")
    const clicked = page.getByRole("link", { name: "All workspaces" }).click()
    const confirm = await question
    assert.match(confirm.message(), /not saved.*lost/)
    await confirm.dismiss()
    await clicked
    assert.isTrue(await unsavedBanner(page).isVisible())

    await devTools.send("Storage.overrideQuotaForOrigin", { origin })
    await untilNames(page, names)
    await unsavedBanner(page).waitFor({ state: "detached" })
    await untilStatus(page, /^Sync status: Synced$/, 60_000)
    const ben = await person()
    await joinByLink(ben, link, "Ours")
    await untilNames(ben.page, names)
  })
})

describe("a connection that is lost", () => {
  const faults: ReadonlyArray<Fault> = ["lose", "abortInside", "loseInside", "hideCommit"]
  for (const fault of faults) {
    it(`APP-14 (${fault}) loses and doubles nothing, and the screen goes on by itself`, async () => {
      const { context, page, storage } = await personWithFaults()
      const other = await context.newPage()
      await other.goto(page.url())
      await taskItem(other, "before").waitFor()
      await storage.arm(page, fault)
      await addTask(page, "during")
      await addTask(other, "elsewhere")
      await addTask(page, "after")
      const all = ["before", "during", "elsewhere", "after"].map((title) => `o ${title}`)
      for (const shown of [page, other]) {
        await untilTasks(shown, all)
        await untilStatus(shown, /^Sync status: Synced$/)
        assert.strictEqual(await shown.getByRole("alert").count(), 0)
      }
      assert.include(storage.happened().join(), fault === "lose" ? "lost" : fault)
      // What the server was sent is what the disk holds.
      await page.reload()
      await untilTasks(page, all)
      const { page: fresh } = await joined(page)
      await untilTasks(fresh, all)
    })
  }

  it("APP-14 to a newer version of the app is taken up again beside it", async () => {
    const { context, page } = await personWithFaults()
    const newer = await context.newPage()
    await newer.goto(stand.server.origin)
    const version = await newer.evaluate(
      (name) =>
        new Promise<number>((resolve, reject) => {
          const request = indexedDB.open(name, 500)
          request.addEventListener("upgradeneeded", () => request.result.createObjectStore("later"))
          request.addEventListener("success", () => {
            resolve(request.result.version)
            request.result.close()
          })
          request.addEventListener("error", () => reject(request.error ?? new Error("not opened")))
        }),
      databaseOf(page)
    )
    assert.strictEqual(version, 500)
    await addTask(page, "after")
    await untilTasks(page, ["o before", "o after"])
    await untilStatus(page, /^Sync status: Synced$/)
  })
})

describe("a database that is taken away", () => {
  it("APP-15 by clearing the site's storage is not made anew: the page says so, and gives back what is typed", async () => {
    const { context, page } = await person()
    await createWorkspace({ page }, "Home")
    await addTask(page, "before")
    const devTools = await context.newCDPSession(page)
    await devTools.send("Storage.clearDataForOrigin", { origin: stand.server.origin, storageTypes: "indexeddb" })
    await untilStatus(page, /^Sync status: Needs a look/)
    await typeTask(page, "after")
    await page
      .getByRole("alert")
      .getByText(/not in this browser any more.*join again by a link/)
      .waitFor()
    assert.strictEqual(await page.getByLabel("New task").inputValue(), "after")
    await taskItem(page, "before").waitFor()
    const databases = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name ?? ""))
    assert.notInclude(databases, databaseOf(page))
  })

  it("APP-15 by another tab that removes the workspace is told in this one", async () => {
    const { context, page } = await person()
    await createWorkspace({ page }, "Home")
    await addTask(page, "before")
    const other = await context.newPage()
    await other.goto(page.url())
    await taskItem(other, "before").waitFor()
    await untilStatus(other, /^Sync status: Synced$/)
    await go(other, "Settings")
    await other.getByRole("button", { name: "Remove from this device" }).click()
    await other.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click()
    await other.getByLabel("Name of the workspace").waitFor()
    await untilStatus(page, /^Sync status: Needs a look/)
    await typeTask(page, "after")
    await page
      .getByRole("alert")
      .getByText(/not in this browser any more/)
      .waitFor()
    assert.strictEqual(await page.getByLabel("New task").inputValue(), "after")
  })
})

describe("what is written", () => {
  it("APP-16 is written strictly, whatever writes it", async () => {
    const { page, storage } = await personWithFaults()
    const link = await makeLink({ page }, "Editor")
    const { page: other } = await joined(page, link)
    await addTask(other, "from elsewhere")
    await go(page, "Tasks")
    await taskItem(page, "from elsewhere").waitFor()
    await untilStatus(page, /^Sync status: Synced$/)
    // Edits, receipts and entries of others were written by now; the page writes nothing.
    assert.deepStrictEqual(storage.durabilities(), ["worker: strict"])
  })

  it("APP-17 is kept by a browser that promises it, which Settings say, with the space that is used", async () => {
    const { context, page } = await person()
    const devTools = await stand.browser.newBrowserCDPSession()
    const { targetInfo } = await (await context.newCDPSession(page)).send("Target.getTargetInfo")
    const place = { origin: stand.server.origin, browserContextId: targetInfo.browserContextId ?? "" }
    await createWorkspace({ page }, "Home")
    await go(page, "Settings")
    await page.getByText("The browser has not said whether it keeps it").waitFor()
    await devTools.send("Browser.grantPermissions", { ...place, permissions: ["durableStorage"] })
    await go(page, "Tasks")
    await addTask(page, "first content")
    await go(page, "Settings")
    await page.getByText("The browser keeps it, also when the disk gets full").waitFor()
    await page.getByText(/[\d.]+ [kM]B used by this app .* of about [\d.,]+ [GT]B/).waitFor()
  })
})

/** Another device, by a link from this one. */
const joined = async (page: Page, link?: string) => {
  const ben = await person()
  const made = link ?? (await makeLink({ page }, "Editor"))
  await joinByLink(ben, made, "Ours")
  return ben
}
