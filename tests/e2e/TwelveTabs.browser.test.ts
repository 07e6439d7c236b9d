/**
 * Twelve tabs of one profile on the built app: one network loop, whatever happens to the tab that runs it.
 *
 * The tests share one profile; each fills it up to twelve tabs again. Rules: docs/spec/browser.md.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { takeOverMillisMax } from "../../packages/browser/src/LeaderPolicy.ts"
import { afterAll, beforeAll, it } from "vitest"
import { type FreezableChromium, freezableChromium } from "./support/freezableChromium.ts"
import { type HostileProxy, hostileProxy, pass } from "./support/hostileProxy.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  type Network,
  type Person,
  untilStatus,
  untilTasks
} from "./support/notesApp.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"
import { freeze, type ManyTabs, manyTabs, type Tab, thaw } from "./support/manyTabs.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")
const tabCount = 12

let data: string
let chromium: FreezableChromium
let server: RunningServer
let proxy: HostileProxy
let tabs: ManyTabs
let ben: Person<Network>
/** Every title typed so far, as the list shows it. */
const typed: Array<string> = []

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tidemark-twelve-"))
  server = await startServer({ data, web })
  proxy = await hostileProxy(server.port)
  chromium = await freezableChromium()
  const ada: Person<Network> = { ...chromium, page: await chromium.open(proxy.origin), network: proxy }
  await createWorkspace(ada, "Household")
  const link = await makeLink(ada, "Editor")
  await go(ada.page, "Tasks")
  tabs = await manyTabs(chromium, ada.page)
  ben = await newPerson(chromium.browser, server)
  await joinByLink(ben, link, "Ours")
})

afterAll(async () => {
  await chromium.close()
  await proxy.close()
  await server.stop()
  await rm(data, { recursive: true, force: true })
})

/** One more task in each of these tabs, all at the same time. */
const typeIn = async (these: ReadonlyArray<Tab>, what: string): Promise<void> => {
  const titles = these.map(({ name }) => `${what} in ${name}`)
  await Promise.all(these.map(({ page }, at) => addTask(page, titles[at] ?? "")))
  typed.push(...titles.map((title) => `o ${title}`))
}

/** Tabs that are frozen or hang. */
const asleep = new Set<Tab>()
const awake = () => tabs.open().filter((tab) => !asleep.has(tab))

/** Every tab that is awake shows every title, and so does another device, which knows it from the server alone. */
const untilAllAgree = async (): Promise<void> => {
  const pages = [...awake().map(({ page }) => page), ben.page]
  await Promise.all(pages.map((page) => untilTasks(page, typed, 30_000)))
  await Promise.all(pages.map((page) => untilStatus(page, /^Sync status: Synced$/, 30_000)))
}

/** Does something to the tab that syncs while all the others type; another one syncs within the time there is for it. */
const others = async (what: string, harm: (leader: Tab) => Promise<void>, isIdle = false): Promise<Tab> => {
  const leader = await tabs.leader()
  const rest = awake().filter((tab) => tab !== leader)
  const typingBefore = isIdle ? undefined : typeIn(rest, what)
  const began = performance.now()
  await harm(leader)
  const typing = typingBefore ?? typeIn(rest, what)
  await tabs.untilOtherLeader(leader)
  const took = performance.now() - began
  await typing
  assert.isAtMost(took, takeOverMillisMax, `${what}: milliseconds until another tab synced`)
  return leader
}

const pushes = () => proxy.asked().filter(({ method, path }) => method === "POST" && path.endsWith("/entries")).length
const hellos = () => proxy.asked().filter(({ path }) => path.endsWith("/head")).length

describe("twelve tabs of one profile", () => {
  it("TAB-13 have one network loop, and show the same", async () => {
    await untilAllAgree()
    const before = { hellos: hellos(), pushes: pushes() }
    await tabs.fill(tabCount)
    await typeIn(tabs.open(), "one loop")
    await untilAllAgree()
    assert.strictEqual(proxy.liveSocketsMost(), 1)
    assert.strictEqual(hellos(), before.hellos)
    assert.isAtMost(pushes() - before.pushes, tabCount)
    assert.deepStrictEqual(tabs.errors(), [])
  })

  it("TAB-8, TAB-14 go on when the one that syncs is closed, crashes, is frozen, or hangs", async () => {
    await tabs.fill(tabCount)
    await others("closed", (leader) => tabs.close(leader))
    await others("crashed", (leader) => tabs.crash(leader))
    // Not in the middle of a transaction: a database waits for a frozen or hung reader as it does for a slow one.
    await untilAllAgree()
    const frozen = await others("frozen", freeze, true)
    asleep.add(frozen)
    const released = Promise.withResolvers<void>()
    proxy.treat(({ path }) => (path === "/v1/hang" ? { _tag: "After", moment: released.promise } : pass))
    await untilAllAgree()
    const hung = await others("hung", (leader) => tabs.hang(leader, `${proxy.origin}/v1/hang`), true)
    asleep.add(hung)
    // What an old leader does when it comes to itself: nothing that harms.
    released.resolve()
    // A proxy with a rule ends every socket that a push goes over.
    proxy.behave()
    await thaw(frozen)
    asleep.clear()
    await typeIn([frozen, hung], "awake again")
    await untilAllAgree()
    await proxy.untilLiveSockets(1)
    assert.deepStrictEqual(tabs.errors(), [])
  })

  it("TAB-15 do not steal from each other in a circle when all wake at once", async () => {
    await tabs.fill(tabCount)
    const before = await tabs.takeOvers()
    await Promise.all(tabs.open().map(freeze))
    await Promise.all(tabs.open().map(thaw))
    await typeIn(tabs.open(), "all awake")
    await untilAllAgree()
    assert.isAtMost((await tabs.takeOvers()) - before, 3)
    await proxy.untilLiveSockets(1)
    assert.deepStrictEqual(tabs.errors(), [])
  })
})
