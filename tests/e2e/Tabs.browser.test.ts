/** Tabs and workers in a real browser, over the real server: one syncs, the next takes over, and nothing is lost. */
import { assert, describe } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { WorkspaceId } from "@tidemark/protocol"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, beforeEach, it } from "vitest"
import { buildPage } from "./support/buildPage.ts"
import { launchChromium } from "./support/launchChromium.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"
import type { TestTabs } from "./tabsPage/main.ts"

declare global {
  interface Window {
    /** What `tabsPage` puts there. */
    readonly tabs: TestTabs
  }
}

let folder: string
let server: RunningServer
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-tabs-"))
  await buildPage(join(import.meta.dirname, "tabsPage"), join(folder, "web"))
  server = await startServer({ data: join(folder, "data"), web: join(folder, "web") })
  // A name that is not localhost, for the page that is not secure.
  browser = await launchChromium(["--host-resolver-rules=MAP tide.test 127.0.0.1"])
  return async () => {
    await browser.close()
    await server.stop()
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Every test has a browser profile of its own. */
beforeEach(async () => {
  context = await browser.newContext()
  return () => context.close()
})

/** A tab with the page, nothing open yet. */
const newTab = async (origin = server.origin): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(origin)
  await page.waitForFunction(() => "tabs" in globalThis)
  return page
}

const openIn = async (page: Page, id: WorkspaceId): Promise<void> => {
  const device = await page.evaluate((workspace) => window.tabs.open(workspace), id)
  assert.match(device, /^[\w-]{22}$/)
}

/** Two tabs with one new workspace; the first one syncs. */
const twoTabs = async (): Promise<{ readonly first: Page; readonly second: Page; readonly id: WorkspaceId }> => {
  const first = await newTab()
  // A failure would be a sentence, which `open` then refuses.
  const id = (await first.evaluate(() => window.tabs.create("Home"))) as WorkspaceId
  await openIn(first, id)
  await untilSynced(first)
  const second = await newTab()
  await openIn(second, id)
  await untilSynced(second)
  return { first, second, id }
}

const untilSynced = (page: Page) => page.waitForFunction(() => window.tabs.status()._tag === "Synced")

const insert = (page: Page, title: string): Promise<string> => page.evaluate((text) => window.tabs.insert(text), title)

/** Asks again until the titles are these. A promise is always true to `waitForFunction`, so it cannot ask. */
const untilTitles = async (page: Page, titles: ReadonlyArray<string>): Promise<void> => {
  const until = performance.now() + 20_000
  for (;;) {
    const found = await page.evaluate(() => window.tabs.titles())
    if (found.join() === titles.join() || performance.now() > until) return assert.deepStrictEqual(found, titles)
  }
}

describe("two tabs of one profile", () => {
  it("TAB-6 sync through one worker, and show each other's edits", async () => {
    const { first, second } = await twoTabs()
    await Promise.all([insert(first, "from the first"), insert(second, "from the second")])
    for (const page of [first, second]) {
      await untilTitles(page, ["from the first", "from the second"])
      await untilSynced(page)
    }
    assert.strictEqual(await second.evaluate(() => window.tabs.syncing()), 1)
  })

  it("TAB-6 go on in the second when the first is closed", async () => {
    const { first, second } = await twoTabs()
    await first.close()
    await insert(second, "after the first")
    await untilSynced(second)
    assert.strictEqual(await second.evaluate(() => window.tabs.syncing()), 1)
    assert.deepStrictEqual(await second.evaluate(() => window.tabs.titles()), ["after the first"])
  })
})

describe("a worker that dies", () => {
  it("WORKER-1, WORKER-2, WORKER-3 rejects what was under way, is replaced, and nothing stored is lost", async () => {
    const { first, second } = await twoTabs()
    await insert(first, "before")
    const before = await first.evaluate(() => window.tabs.workerCount())
    const underWay = await first.evaluate(() => {
      window.tabs.killWorker()
      return window.tabs.insert("maybe")
    })
    assert.match(underWay, /^WorkerStopped: .*may or may not/)
    await first.waitForFunction((count) => window.tabs.workerCount() > count, before)
    await untilSynced(first)
    assert.match(await insert(first, "after"), /^[\w-]{22}\./)
    await untilSynced(first)
    const titles = await second.evaluate(() => window.tabs.titles())
    assert.includeMembers(titles, ["after", "before"])
  })

  it("WORKER-2 rejects a call on a handle that was closed", async () => {
    const { first } = await twoTabs()
    await first.evaluate(() => window.tabs.close())
    assert.match(String(await first.evaluate(() => window.tabs.held())), /^WorkspaceClosed: /)
  })
})

describe("a page that cannot", () => {
  it("TAB-3 says to open it over https, and stores nothing", async () => {
    const page = await newTab(`http://tide.test:${server.port}`)
    assert.match(await page.evaluate(() => window.tabs.create("Home")), /^InsecureContext: .*https/)
    assert.deepStrictEqual(await page.evaluate(() => globalThis.indexedDB.databases()), [])
  })
})

describe("the list of workspaces", () => {
  it("TAB-2 holds what was created, after a reload, too", async () => {
    const page = await newTab()
    await page.evaluate(() => window.tabs.create("Home"))
    await page.evaluate(() => window.tabs.create("Work"))
    await page.reload()
    await page.waitForFunction(() => "tabs" in globalThis)
    assert.deepStrictEqual(await page.evaluate(() => window.tabs.list()), ["Home", "Work"])
  })
})
