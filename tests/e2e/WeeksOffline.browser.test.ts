/**
 * The built app after a long time away: a week's notice, thousands of edits here, hundreds of entries there, and a connection
 * that is killed in between. Rules: docs/spec/status.md, docs/spec/pull.md, docs/spec/push.md.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { decodeHeader, decodePush } from "@tidemark/protocol"
import { Result } from "effect"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, it } from "vitest"
import { metaKeys } from "@tidemark/sync"
import { metaToRow } from "../../packages/store-dexie/src/internal/engineTables.ts"
import { type Asked, type HostileProxy, hostileProxy, pass, type Treatment } from "./support/hostileProxy.ts"
import { launchChromium } from "./support/launchChromium.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  type Person,
  showAllTasks,
  shownTasks,
  untilStatus
} from "./support/notesApp.ts"
import { type RunningServer, startServer } from "./support/startServer.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")

const taskCount = 25
const day = 86_400_000
const unreachable: Treatment = { _tag: "CutRequest", at: 0 }

const cutAt = (at: number): Treatment => ({ _tag: "CutAnswer", at, whole: () => undefined })

let data: string
let browser: Browser
let server: RunningServer
let ada: Person<HostileProxy>
let ben: Person<HostileProxy>

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tidemark-weeks-"))
  server = await startServer({ data, web })
  browser = await launchChromium()
  ada = await newPerson(browser, await hostileProxy(server.port))
  ben = await newPerson(browser, await hostileProxy(server.port))
})

afterAll(async () => {
  await browser.close()
  await ada.network.close()
  await ben.network.close()
  await server.stop()
  await rm(data, { recursive: true, force: true })
})

const isPush = ({ method, path }: Asked) => method === "POST" && path.endsWith("/entries")
const isPull = ({ method, path }: Asked) => method === "GET" && path.endsWith("/entries") && !path.includes("/docs/")

/**
 * Ticks or unticks every task, so many times; each click is an edit. Clicks of one moment are one change: a click waits until the
 * one before is stored, or a round until the one before is sent.
 */
const toggleAll = (page: Page, rounds: number, until: "stored" | "sent"): Promise<void> =>
  page.evaluate(
    async ({ count, wanted }) => {
      const boxes = () => [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox][aria-label^='Done: ']")]
      const pending = () => Number(document.querySelector("[data-status]")?.getAttribute("data-pending"))
      const paint = () => new Promise(requestAnimationFrame)
      // A click that met a box on its way to another place in the list does nothing.
      const untilDone = async (isDone: () => boolean) => {
        const patience = performance.now() + 400
        while (!isDone() && performance.now() < patience) await paint()
      }
      for (let round = 0; round < count; round++) {
        for (const { ariaLabel } of boxes()) {
          const before = pending()
          boxes()
            .find((box) => box.ariaLabel === ariaLabel)
            ?.click()
          if (wanted === "stored") await untilDone(() => pending() > before)
        }
        if (wanted === "sent") await untilDone(() => pending() === 0)
      }
    },
    { count: rounds, wanted: until }
  )

const badge = (page: Page) => page.locator("[data-status]").first()
const pendingOn = async (page: Page) => Number(await badge(page).getAttribute("data-pending"))

/** How often each entry was sent, by its number. */
const numbersSent = (pushes: ReadonlyArray<Asked>): ReadonlyMap<number, number> => {
  const times = new Map<number, number>()
  for (const { body } of pushes) {
    for (const entry of Result.getOrThrow(decodePush(new Uint8Array(body)))) {
      const { deviceSeq } = Result.getOrThrow(decodeHeader(entry))
      times.set(deviceSeq, (times.get(deviceSeq) ?? 0) + 1)
    }
  }
  return times
}

/** The Seq a pull asks for entries after. */
const after = ({ bytes }: Asked): string => /[?&]after=(\d+)/.exec(bytes.toString("latin1"))?.[1] ?? ""

/** Puts the note of the last contact this far back, as so many days without a server leave it. */
const ageContact = (page: Page, millis: number): Promise<void> => {
  const value = JSON.stringify(Date.now() - millis)
  const rows = (["meta", "copies"] as const).map(
    (table) => [`tm_${table}`, metaToRow(table, metaKeys.lastContactAt, value)] as const
  )
  return page.evaluate(async (puts) => {
    const names = (await indexedDB.databases()).flatMap(({ name }) => name ?? [])
    for (const name of names) {
      const request = indexedDB.open(name)
      await new Promise((resolve) => request.addEventListener("success", resolve))
      const { result: db } = request
      for (const [table, row] of puts) {
        if (!db.objectStoreNames.contains(table)) continue
        const { transaction } = db.transaction(table, "readwrite").objectStore(table).put(row)
        await new Promise((resolve) => transaction?.addEventListener("complete", resolve))
      }
      db.close()
    }
  }, rows)
}

describe("weeks offline", () => {
  it("PULL-13 PUSH-13 STATUS-12 edits by the thousand go both ways, nothing twice but what was under way, and the page says how far it is", async () => {
    await createWorkspace(ada, "Household")
    for (let index = 0; index < taskCount; index++) await addTask(ada.page, `Task ${index}`)
    await untilStatus(ada.page, /^Sync status: Synced$/)
    const link = await makeLink(ada, "Editor")
    await go(ada.page, "Tasks")
    await showAllTasks(ada.page)
    await joinByLink(ben, link, "Theirs")
    await showAllTasks(ben.page)
    await untilStatus(ben.page, /^Sync status: Synced$/)
    // Ada is away, and both go on.
    ada.network.treat(() => unreachable)
    await toggleAll(ada.page, 48, "stored")
    const made = await pendingOn(ada.page)
    assert.isAtLeast(made, 1_000)
    await toggleAll(ben.page, 40, "sent")
    await addTask(ben.page, "The last of theirs")
    await untilStatus(ben.page, /^Sync status: Synced$/, 60_000)

    // Back: the first push and the first page are cut off in their answers, and the push after that waits to be looked at.
    const seen = Promise.withResolvers<void>()
    const [pushed, asked]: [Array<Asked>, Array<string>] = [[], []]
    ada.network.treat((one) => {
      if (isPull(one) && asked.push(after(one)) === 1) return cutAt(900)
      if (!isPush(one)) return pass
      pushed.push(one)
      if (pushed.length === 1) return cutAt(20)
      return pushed.length === 2 ? { _tag: "After", moment: seen.promise } : pass
    })
    await badge(ada.page).click()
    await ada.page.getByText(/ of [\d,]+ changes sent\./).waitFor({ timeout: 60_000 })
    assert.match(await ada.page.getByRole("dialog").innerText(), /^\d+ of 1,\d{3} changes sent\.$/m)
    seen.resolve()
    await untilStatus(ada.page, /^Sync status: Synced$/, 90_000)
    await ada.page.keyboard.press("Escape")
    await addTask(ada.page, "The last of ours")
    for (const { page } of [ada, ben]) {
      for (const title of ["The last of theirs", "The last of ours"]) {
        await page.getByRole("checkbox", { name: `Done: ${title}` }).waitFor({ timeout: 60_000 })
      }
      await untilStatus(page, /^Sync status: Synced$/, 60_000)
    }
    assert.deepStrictEqual(await shownTasks(ada.page), await shownTasks(ben.page))
    // Of the entries only those of the push that was cut went twice, and of the pages only the one that was.
    const times = numbersSent(pushed)
    const twice = [...times].filter(([, count]) => count > 1).map(([number]) => number)
    assert.includeMembers([...numbersSent(pushed.slice(0, 1)).keys()], twice)
    assert.isAtMost(Math.max(...times.values()), 2)
    assert.isBelow(times.size, 20, "edits of a doc are folded into one entry")
    const again = asked.filter((place, index) => asked.indexOf(place) < index && place !== asked[0])
    assert.isAtMost(again.length, 1 + asked.filter((place) => place === asked.at(-1)).length)
  }, 240_000)

  it("STATUS-11 a week without the server is told on the page, with the edits safe, and goes with the first contact", async () => {
    ada.network.treat(() => unreachable)
    await ageContact(ada.page, 9 * day + 60_000)
    await ada.page.reload()
    const note = ada.page.getByRole("note").filter({ hasText: "Not synced for 9 days" })
    await note.waitFor({ timeout: 60_000 })
    assert.match(await note.innerText(), /by this device's clock\. Your edits are safe on this device/)
    await addTask(ada.page, "Written on day nine")
    ada.network.behave()
    await untilStatus(ada.page, /^Sync status: Synced$/, 90_000)
    await note.waitFor({ state: "detached" })
    await showAllTasks(ben.page)
    await ben.page.getByRole("checkbox", { name: "Done: Written on day nine" }).waitFor({ timeout: 60_000 })
  }, 200_000)
})
