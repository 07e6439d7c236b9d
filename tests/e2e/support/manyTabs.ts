/**
 * Many tabs of one profile on one workspace, and who of them syncs.
 *
 * Each tab's worker holds a lock of the tab's name, so that the holder of the sync lock can be told by the client id that
 * the two have in common. A page on the start screen, which opens no workspace, looks on.
 */
import type { CDPSession, Page } from "playwright-core"
import type { FreezableChromium } from "./freezableChromium.ts"
import { syncLockName, tabChannelName } from "../../../packages/browser/src/TabMessage.ts"

export interface Tab {
  readonly name: string
  readonly page: Page
  readonly session: CDPSession
}

export interface ManyTabs {
  /** The tabs that are open, frozen ones included, crashed ones not. */
  readonly open: () => ReadonlyArray<Tab>
  /** Opens tabs until there are so many. */
  readonly fill: (count: number) => Promise<void>
  /** The tab that syncs, as soon as one does. */
  readonly leader: () => Promise<Tab>
  /** Resolves when another tab than this one holds the sync lock. */
  readonly untilOtherLeader: (than: Tab) => Promise<void>
  /** Take-overs announced so far. */
  readonly takeOvers: () => Promise<number>
  readonly close: (tab: Tab) => Promise<void>
  readonly crash: (tab: Tab) => Promise<void>
  /** Keeps the tab's worker from doing anything until `address` answers; its page goes on. */
  readonly hang: (tab: Tab, address: string) => Promise<void>
  /** What went wrong in any tab so far, in the console's words. */
  readonly errors: () => ReadonlyArray<string>
}

/** `first` shows an open workspace. */
export const manyTabs = async ({ context, open: openPage }: FreezableChromium, first: Page): Promise<ManyTabs> => {
  const address = first.url()
  const workspace = /\/w\/([\w-]+)/.exec(address)?.[1] ?? ""
  const errors: Array<string> = []
  let open: ReadonlyArray<Tab> = []
  let count = 0
  const onlooker = await openPage(new URL(address).origin)
  const heard = await onlooker.evaluateHandle((channel) => {
    const names: Array<string> = []
    new BroadcastChannel(channel).addEventListener("message", (event: MessageEvent<{ readonly _tag: string }>) => {
      names.push(event.data._tag)
    })
    return names
  }, tabChannelName(workspace))

  const adopt = async (page: Page): Promise<Tab> => {
    const name = `tab ${count++}`
    page.on("console", (message) => message.type() === "error" && errors.push(`${name}: ${message.text()}`))
    page.on("pageerror", (error) => errors.push(`${name}: ${String(error)}`))
    await page.getByLabel("New task").waitFor()
    const worker = workerOf(page)
    await worker.evaluate((lock) => {
      void navigator.locks.request(lock, () => new Promise<void>(() => undefined))
    }, name)
    const tab = { name, page, session: await context.newCDPSession(page) }
    open = [...open, tab]
    return tab
  }
  await adopt(first)

  /** The name of the tab that syncs; asks again while it is none, or `not`. */
  const leaderName = async (not: string): Promise<string> => {
    const until = performance.now() + 20_000
    do {
      const name = await onlooker.evaluate(async (lock) => {
        const { held = [] } = await navigator.locks.query()
        const holder = held.find((one) => one.name === lock)?.clientId
        return held.find((one) => one.clientId === holder && one.name?.startsWith("tab "))?.name
      }, syncLockName(workspace))
      if (name !== undefined && name !== not) return name
    } while (performance.now() < until)
    throw new Error(`No tab syncs${not === "" ? "" : `, or still ${not}`}`)
  }

  const leave = (tab: Tab): void => {
    open = open.filter((one) => one !== tab)
  }

  return {
    open: () => open,
    fill: async (wanted) => {
      const pages = Array.from({ length: Math.max(0, wanted - open.length) }, async () => {
        await adopt(await openPage(address))
      })
      await Promise.all(pages)
    },
    leader: async () => {
      const name = await leaderName("")
      const tab = open.find((one) => one.name === name)
      if (tab === undefined) throw new Error(`${name} syncs, which is not among the open tabs`)
      return tab
    },
    untilOtherLeader: async (than) => void (await leaderName(than.name)),
    takeOvers: () => heard.evaluate((names) => names.filter((name) => name === "TakingOver").length),
    close: async (tab) => {
      leave(tab)
      await tab.page.close()
    },
    crash: async (tab) => {
      leave(tab)
      const crashed = tab.page.waitForEvent("crash")
      // The answer never comes: who would have sent it is gone.
      tab.session.send("Page.crash").catch(() => undefined)
      await crashed
    },
    hang: async (tab, where) => {
      const asked = tab.page.context().waitForEvent("request", (request) => request.url() === where)
      // Answered only when the worker goes on.
      workerOf(tab.page)
        .evaluate((url) => {
          const request = new XMLHttpRequest()
          request.open("GET", url, false)
          try {
            request.send()
          } catch {
            // An answer that is none ends the wait, too.
          }
        }, where)
        .catch(() => undefined)
      await asked
    },
    errors: () => errors
  }
}

const workerOf = (page: Page) => {
  const [worker] = page.workers()
  if (worker === undefined) throw new Error(`${page.url()} has no worker`)
  return worker
}

export const freeze = async ({ session }: Tab): Promise<void> => {
  await session.send("Page.setWebLifecycleState", { state: "frozen" })
}

export const thaw = async ({ session }: Tab): Promise<void> => {
  await session.send("Page.setWebLifecycleState", { state: "active" })
}
