/** Parts of the built app that are loaded later than the rest: without a network, and after an update. Rules: docs/spec/replica.md. */
import { assert, describe } from "@effect/vitest"
import type { Page } from "playwright-core"
import { it } from "vitest"
import { addTask, createWorkspace, go, untilStatus } from "./support/notesApp.ts"
import { standForEachTest } from "./support/standing.ts"

const stand = standForEachTest()

/** Asks for a part that nothing has asked for before, and gives its words. */
const checkMyData = async (page: Page): Promise<string> => {
  await go(page, "Settings")
  await page.getByRole("button", { name: "Check my data" }).click()
  const report = page.getByRole("region", { name: "Report of the check" })
  await report.waitFor()
  return report.innerText()
}

/** What an update of the app does to the files of the version before. */
const takeFilesAway = async (page: Page): Promise<void> => {
  await page.evaluate(async () => {
    for (const name of await caches.keys()) await caches.delete(name)
    for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister()
  })
  const devtools = await page.context().newCDPSession(page)
  await devtools.send("Network.clearBrowserCache")
  await devtools.detach()
}

describe("rare parts", () => {
  it("REPLICA-29 are there in an app that was opened without a network", async () => {
    const { network, page } = await stand.person()
    await createWorkspace({ page }, "Home")
    await addTask(page, "anchor")
    await untilStatus(page, /^Sync status: Synced$/)
    network.cut()
    await page.reload()
    assert.match(await checkMyData(page), /Everything is whole/)
  })

  it("REPLICA-29 are there in an app whose files an update took away", async () => {
    const { network, page } = await stand.person()
    const all = page.waitForEvent("requestfinished", (request) => /\/LogSurvey-[^/]*\.js$/.test(request.url()))
    await createWorkspace({ page }, "Home")
    await addTask(page, "anchor")
    await untilStatus(page, /^Sync status: Synced$/)
    await all
    network.cut()
    await takeFilesAway(page)
    assert.match(await checkMyData(page), /Everything is whole/)
  })
})
