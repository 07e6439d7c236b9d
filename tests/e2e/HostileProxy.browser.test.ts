/**
 * The built app behind a middlebox that swallows, lies, delays, cuts and shows its own page: the badge says what is true,
 * and everything goes out by itself once it behaves. Rules: docs/spec/app.md.
 */
import { assert, describe } from "@effect/vitest"
import { decodeHeader, decodePush } from "@tidemark/protocol"
import { Result } from "effect"
import type { Page } from "playwright-core"
import { beforeEach, it } from "vitest"
import { type Asked, type HostileProxy, hostileProxy, pass, swallow, type Treatment } from "./support/hostileProxy.ts"
import {
  addTask,
  badgeSentence,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  type Person,
  pressSyncNow,
  shownTasks,
  untilStatus,
  untilTasks
} from "./support/notesApp.ts"
import { standForAllTests } from "./support/standing.ts"

/** 30 s without a receipt, and the time a loaded machine takes to say so, in milliseconds. */
const stalledMillisMax = 40_000

const stand = standForAllTests()
const person = async () => stand.personOn(await hostileProxy(stand.server.port))

let ada: Person<HostileProxy>

/** Ada has a workspace with one task on the server, and the app is installed. */
beforeEach(async () => {
  ada = await person()
  await createWorkspace(ada, "Household")
  await addTask(ada.page, "Buy milk")
  await untilStatus(ada.page, /^Sync status: Synced$/)
  await watchBadge(ada.page)
})

/** Notes every status the badge shows from now on, in `window.shown`. */
const watchBadge = async (page: Page): Promise<void> => {
  await page.evaluate(() => {
    const shown: Array<string> = []
    const note = () => {
      const status = document.querySelector("[data-status]")?.getAttribute("data-status") ?? "none"
      if (shown.at(-1) !== status) shown.push(status)
    }
    new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true })
    Object.assign(globalThis, { shown })
  })
}

const shownStatuses = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(() => (globalThis as { readonly shown?: ReadonlyArray<string> }).shown ?? [])

/** Waits for "Synced", and presses "Sync now" all the while, so that no wait of the engine makes the test long. */
const untilSyncedAsking = (page: Page) =>
  page.waitForFunction(
    () => {
      const badge = document.querySelector<HTMLElement>("[data-status]")
      const button = [...document.querySelectorAll("button")].find(({ innerText }) => innerText === "Sync now")
      ;(button ?? badge)?.click()
      return badge?.dataset["status"] === "Synced" && badge.dataset["pending"] === "0"
    },
    undefined,
    { polling: 30, timeout: 90_000 }
  )

/** A device that joins now, straight from the server, shows exactly these. */
const untilOthersSee = async (titles: ReadonlyArray<string>): Promise<void> => {
  const link = await makeLink(ada, "Reader")
  await go(ada.page, "Tasks")
  const eve = await person()
  await joinByLink(eve, link, "Theirs")
  await untilTasks(eve.page, titles)
}

/** The middlebox behaves: everything goes out by itself, and another device gets it. */
const untilAllWell = async (titles: ReadonlyArray<string>): Promise<void> => {
  ada.network.behave()
  await untilStatus(ada.page, /^Sync status: Synced$/, 60_000)
  await untilTasks(ada.page, titles)
  await untilOthersSee(titles)
}

const isPush = ({ method, path }: Asked) => method === "POST" && path.endsWith("/entries")
const isApi = ({ path }: Asked) => path.startsWith("/v1/")

describe("a middlebox", () => {
  it("APP-7 that accepts and swallows everything: pending, then the cause, never synced", async () => {
    ada.network.treat(() => swallow, { silent: true })
    await addTask(ada.page, "Into the void")
    const alarm = ada.page.locator('[data-status="Stalled"], [data-status="Offline"]').first()
    await alarm.waitFor({ timeout: stalledMillisMax })
    assert.match(await badgeSentence(ada.page), /did not answer|does not answer|confirmed nothing|connection/)
    await addTask(ada.page, "Still writing")
    const statuses = await shownStatuses(ada.page)
    assert.notInclude(statuses.slice(statuses.indexOf("Pending")), "Synced")
    await untilAllWell(["o Buy milk", "o Into the void", "o Still writing"])
  })

  for (const { kinds, says } of [
    { kinds: ["nothing", "otherItem"], says: /names none of the edits|confirmed nothing|does not hold/ },
    { kinds: ["chain"], says: /another history/ },
    { kinds: ["oldPlace"], says: /names none of the edits|confirmed nothing/ },
    { kinds: ["placeAhead"], says: /does not hold what it said/ }
  ] as const) {
    it(`APP-8 that answers pushes without storing (${kinds.join(", ")}): never synced, stalled with a cause`, async () => {
      let lies = 0
      ada.network.treat(async (asked) => {
        if (!isPush(asked)) return pass
        return invented(await madeUpAnswer(asked, kinds[lies++ % kinds.length] ?? kinds[0]))
      })
      await addTask(ada.page, "Not stored")
      await ada.page.locator('[data-status="Stalled"]').waitFor({ timeout: stalledMillisMax })
      assert.match(await badgeSentence(ada.page), says)
      assert.isAtLeast(lies, 2)
      const statuses = await shownStatuses(ada.page)
      assert.notInclude(statuses.slice(statuses.indexOf("Pending")), "Synced")
      await untilAllWell(["o Buy milk", "o Not stored"])
    })
  }

  it("APP-9 that answers far too late: the page works, and nothing is synced before its answer", async () => {
    const moment = Promise.withResolvers<void>()
    ada.network.treat((asked) => (isApi(asked) ? { _tag: "After", moment: moment.promise } : pass))
    await addTask(ada.page, "Slowly")
    await addTask(ada.page, "But surely")
    const alarm = ada.page.locator('[data-status="Stalled"], [data-status="Offline"]').first()
    await alarm.waitFor({ timeout: stalledMillisMax })
    const statuses = await shownStatuses(ada.page)
    assert.notInclude(statuses.slice(1), "Synced")
    moment.resolve()
    await untilAllWell(["o Buy milk", "o Slowly", "o But surely"])
  })

  it("APP-10 that cuts every request and every answer at each tenth byte: nothing lost, nothing doubled", async () => {
    const cutter = makeCutter()
    ada.network.treat((asked) => (isApi(asked) ? cutter.treat(asked) : pass))
    const isDone = () => ["push", "pull", "head"].every((kind) => cutter.isDone(kind))
    const titles = ["o Buy milk"]
    // A push whose answer was cut may be settled by the pull after it; then only another edit is pushed again.
    for (let round = 0; round < 150 && !isDone(); round++) {
      const title = `Cut ${round}`
      await addTask(ada.page, title)
      titles.push(`o ${title}`)
      await untilSyncedAsking(ada.page)
    }
    assert.isTrue(isDone(), "every cut was made")
    assert.isAtLeast(cutter.count(), 100)
    await untilAllWell(titles)
    assert.deepStrictEqual(await shownTasks(ada.page), titles.toSorted())
  })

  it("APP-10 that cuts what a token is asked for with at each tenth byte: the next page load gets one all the same", async () => {
    // The list of members goes on while Ada hears nothing, or she would not ask for it.
    const link = await makeLink(ada, "Editor")
    await untilStatus(ada.page, /^Sync status: Synced$/)
    ada.network.treat((asked) => (isApi(asked) ? swallow : pass))
    await joinByLink(await person(), link, "Theirs")
    const cutter = makeCutter()
    ada.network.treat((asked) => (isApi(asked) ? cutter.treat(asked) : pass))
    cutter.leave("push", "pull", "head", "live")
    await ada.page.reload()
    await go(ada.page, "Tasks")
    await addTask(ada.page, "With a new token")
    await untilSyncedAsking(ada.page)
    assert.deepStrictEqual(
      ["challenges", "tokens", "statements"].filter((kind) => !cutter.isDone(kind)),
      []
    )
    assert.isAtLeast(cutter.count(), 80)
    await untilAllWell(["o Buy milk", "o With a new token"])
  })

  it("APP-10 that cuts the live socket at each tenth byte, in its greeting and in what it brings: nothing is lost", async () => {
    const link = await makeLink(ada, "Editor")
    await go(ada.page, "Tasks")
    const eve = await person()
    await joinByLink(eve, link, "Theirs")
    const cuts = 60
    const cut = { count: 0 }
    let next = Promise.withResolvers<void>()
    ada.network.treat(({ isUpgrade }) => {
      if (!isUpgrade) return pass
      next.resolve()
      next = Promise.withResolvers<void>()
      return cut.count < cuts ? { _tag: "CutAnswer", at: 10 * cut.count++, whole: () => undefined } : pass
    })
    const titles = ["o Buy milk"]
    while (cut.count < cuts) {
      // A socket that got through its greeting is cut in the entries that the other device sends.
      const again = next.promise
      const title = `Cut ${titles.length}`
      await addTask(eve.page, title)
      titles.push(`o ${title}`)
      await pressSyncNow(ada.page)
      await again
    }
    await untilTasks(ada.page, titles)
    await untilAllWell(titles)
  })

  it("APP-11 that shows its own page for everything: said as what it is, and the app opens again", async () => {
    ada.network.treat(() => ({ _tag: "Invent", type: "text/html", body: "<h1>Welcome to the harbour café</h1>" }))
    await addTask(ada.page, "From the café")
    await untilStatus(ada.page, /Sync status: Needs a look/)
    assert.match(await badgeSentence(ada.page), /between this device and the server/)
    await ada.page.reload()
    await addTask(ada.page, "After a reload there")
    await untilStatus(ada.page, /Sync status: Needs a look/)
    await untilAllWell(["o Buy milk", "o From the café", "o After a reload there"])
  })
})

const invented = (body: object): Treatment => ({
  _tag: "Invent",
  type: "application/json",
  body: JSON.stringify(body)
})

type Lie = "nothing" | "otherItem" | "chain" | "oldPlace" | "placeAhead"

/** A well-formed answer to a push that the server never saw: its true head, and results that are not true. */
const madeUpAnswer = async (asked: Asked, lie: Lie): Promise<object> => {
  const { authorization = "" } = asked.headers
  const version = asked.headers["tidemark-protocol"] ?? ""
  const address = new URL(asked.path.replace(/entries$/, "head"), stand.server.origin)
  const answer = await fetch(address, { headers: { authorization, "tidemark-protocol": version } })
  const { head, logId } = (await answer.json()) as { readonly head: number; readonly logId: string }
  const [entry = new Uint8Array()] = Result.getOrThrow(decodePush(new Uint8Array(asked.body)))
  const { deviceSeq } = Result.getOrThrow(decodeHeader(entry))
  const chain = Buffer.alloc(32, 7).toString("base64url")
  const named = (seq: number, item: number = deviceSeq) => ({
    logId,
    head: Math.max(head, seq),
    results: [{ _tag: "Stored", deviceSeq: item, seq, chain }]
  })
  switch (lie) {
    case "nothing":
      return { logId, head, results: [] }
    case "otherItem":
      return named(head + 1, deviceSeq + 1_000)
    case "chain":
      return named(head + 1)
    case "oldPlace":
      return named(1)
    case "placeAhead":
      return named(head + 5)
  }
}

/** Cuts each kind of request at byte 0, 10, 20 … of the request, then of its answer; then lets it pass. */
const makeCutter = () => {
  const places = new Map<string, { side: "request" | "answer" | "done"; at: number }>()
  let count = 0
  const kindOf = ({ isUpgrade, method, path }: Asked) => {
    if (isUpgrade) return "live"
    if (path.endsWith("/entries")) return method === "POST" ? "push" : "pull"
    return /[^/]+$/.exec(path)?.[0] ?? "other"
  }
  return {
    /** These kinds pass. */
    leave: (...kinds: ReadonlyArray<string>) => {
      for (const kind of kinds) places.set(kind, { side: "done", at: 0 })
    },
    treat: (asked: Asked): Treatment => {
      const kind = kindOf(asked)
      // Without a live socket everything is pulled.
      if (kind === "live" && places.get(kind)?.side !== "done") return { _tag: "CutRequest", at: 0 }
      const place = places.get(kind) ?? { side: "request" as const, at: 0 }
      places.set(kind, place)
      if (place.side === "done") return pass
      if (place.side === "request" && place.at >= asked.bytes.length) Object.assign(place, { side: "answer", at: 0 })
      const { at } = place
      place.at += 10
      count++
      if (place.side === "request") return { _tag: "CutRequest", at }
      return { _tag: "CutAnswer", at, whole: () => Object.assign(place, { side: "done" }) }
    },
    isDone: (kind: string) => places.get(kind)?.side === "done",
    count: () => count
  }
}
