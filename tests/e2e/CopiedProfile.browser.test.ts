/** A browser profile that was copied between two starts, on the built app. Rules: docs/spec/app.md, docs/spec/clones.md. */
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BrowserContext, chromium, type Page } from "playwright-core"
import { assert, describe } from "@effect/vitest"
import { beforeEach, inject, it, onTestFinished } from "vitest"
import { chromiumFlags } from "../../scripts/environment/chromium.ts"
import { addTask, createWorkspace, go, untilStatus, untilTasks } from "./support/notesApp.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")

let data: string
let server: RunningServer

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "tidemark-e2e-"))
  server = await startServer({ data, web })
  return async () => {
    await server.stop()
    await rm(data, { recursive: true, force: true })
  }
})

/** A browser over a folder that outlives it. */
const openProfile = async (
  folder: string,
  address: string
): Promise<{ readonly context: BrowserContext; readonly page: Page }> => {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: inject("chromiumPath"),
    args: [...chromiumFlags]
  })
  onTestFinished(() => context.close())
  context.setDefaultTimeout(20_000)
  const page = context.pages()[0] ?? (await context.newPage())
  await page.goto(address)
  return { context, page }
}

describe("a copied profile", () => {
  it("APP-32 two copies of a profile edit without a network, both come back, and both show every edit", async () => {
    const profiles = await mkdtemp(join(tmpdir(), "tidemark-profiles-"))
    // Hooks of a test run last first: the browsers are closed before their folders go.
    onTestFinished(() => rm(profiles, { recursive: true, force: true, maxRetries: 5 }))
    const [one, two] = [join(profiles, "one"), join(profiles, "two")]
    const first = await openProfile(one, server.origin)
    await first.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    await createWorkspace(first, "Household")
    await addTask(first.page, "Before the copy")
    await untilStatus(first.page, /^Sync status: Synced/)
    const address = first.page.url()
    await first.context.close()
    await cp(one, two, { recursive: true })

    const people = [await openProfile(one, address), await openProfile(two, address)]
    for (const [index, { context, page }] of people.entries()) {
      await page.getByLabel("New task").waitFor()
      await context.setOffline(true)
      await addTask(page, `By copy ${index + 1}`)
      await addTask(page, `More by copy ${index + 1}`)
    }
    for (const { context, page } of people) {
      await context.setOffline(false)
      await untilStatus(page, /^Sync status: Synced/, 40_000)
    }
    const all = ["Before the copy", "By copy 1", "By copy 2", "More by copy 1", "More by copy 2"].map(
      (title) => `o ${title}`
    )
    for (const { page } of people) await untilTasks(page, all, 40_000)

    // Each is a device of its own, and the list says whose copy one of them is.
    const [ada] = people
    if (ada === undefined) return
    await go(ada.page, "Share")
    const devices = ada.page.getByRole("list", { name: "Devices" })
    await devices.waitFor()
    const lines = await devices.getByRole("listitem").allInnerTexts()
    assert.strictEqual(lines.length, 2)
    assert.strictEqual(lines.filter((line) => line.includes("copy of")).length, 1)
  }, 120_000)
})
