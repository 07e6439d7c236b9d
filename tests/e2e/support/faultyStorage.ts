/**
 * IndexedDB that fails when a test says so, in the page and the worker of the built app.
 *
 * A few lines run before the app's own code and stand between it and the real IndexedDB; what they break is broken at the
 * browser's interface, as browsers break it. Service workers must be blocked in the context, or the worker's script would
 * come from their cache.
 */
import type { BrowserContext, Page } from "playwright-core"

/** What the next fitting call meets; each happens once, to the worker or the page that comes first. */
export type Fault =
  /** Every connection is lost: each transaction that is begun on one of them throws, from now on. */
  | "lose"
  /** The next transaction is aborted after the edit's bytes were put into it. */
  | "abortInside"
  /** The connection is lost after the edit's bytes were put into a transaction. */
  | "loseInside"
  /** The next transaction commits, but the app hears that it was aborted. */
  | "hideCommit"

export interface FaultyStorage {
  /** Arms a fault in every page and worker of the context. */
  readonly arm: (page: Page, fault: Fault) => Promise<void>
  /** The faults that have happened so far. */
  readonly happened: () => ReadonlyArray<string>
  /** The durability of every transaction that writes, with the kind of context it was begun in. */
  readonly durabilities: () => ReadonlyArray<string>
}

/** To be called before the context has a page. */
export const faultyStorage = async (context: BrowserContext): Promise<FaultyStorage> => {
  const happened: Array<string> = []
  const durabilities = new Set<string>()
  await context.exposeFunction("tellTheTest", (kind: string, text: string) => {
    if (kind === "fault") happened.push(text)
    else durabilities.add(text)
  })
  const source = `(${standBetween.toString()})();\n`
  await context.addInitScript({ content: source })
  await context.route("**/assets/worker-*.js", async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, body: source + (await answer.text()) })
  })
  return {
    arm: (page, fault) =>
      page.evaluate((name) => {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target
        new BroadcastChannel("test-faults").postMessage({ arm: name })
      }, fault),
    happened: () => happened,
    durabilities: () => [...durabilities].toSorted()
  }
}

/** Runs in the browser, before the app. */
const standBetween = (): void => {
  const isPage = "document" in globalThis
  const where = isPage ? "page" : "worker"
  const channel = new BroadcastChannel("test-faults")
  let armed: string | undefined
  const seen = new Set<IDBDatabase>()
  const lost = new WeakSet<IDBDatabase>()
  /** Transactions that commit, of which the app hears that they were aborted. */
  const hidden = new WeakSet<IDBTransaction>()
  const loseAll = () => seen.forEach((database) => lost.add(database))
  const arm = (name: string): void => {
    if (name === "lose") loseAll()
    // Only the worker writes edits.
    else if (!isPage) armed = name
  }
  channel.addEventListener("message", ({ data }) => {
    if (typeof data.arm === "string") arm(data.arm)
    // What a worker has to say a page takes to the test.
    if (isPage && typeof data.kind === "string") tell(data.kind, data.text)
  })
  const tell = (kind: string, text: string): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target
    if (!isPage) return channel.postMessage({ kind, text })
    const told: unknown = Reflect.get(globalThis, "tellTheTest")
    if (typeof told === "function") told(kind, text)
  }
  const connectionLost = () =>
    new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError")

  const begin = IDBDatabase.prototype.transaction
  IDBDatabase.prototype.transaction = function (...args) {
    seen.add(this)
    if (lost.has(this)) {
      tell("fault", `${where}: lost`)
      throw connectionLost()
    }
    const transaction = begin.apply(this, args)
    if (transaction.mode === "readwrite") tell("durability", `${where}: ${transaction.durability}`)
    // Before the app's own listener: the answer of a commit that did happen is lost on its way.
    transaction.addEventListener("complete", (event) => {
      if (!hidden.has(transaction)) return
      event.stopImmediatePropagation()
      transaction.dispatchEvent(new Event("abort"))
    })
    return transaction
  }

  const add = IDBObjectStore.prototype.add
  IDBObjectStore.prototype.add = function (...args) {
    const request = add.apply(this, args)
    if (this.name !== "tm_updates" || armed === undefined) return request
    const fault = armed
    armed = undefined
    tell("fault", `${where}: ${fault}`)
    const { transaction } = this
    if (fault === "hideCommit") {
      hidden.add(transaction)
      return request
    }
    if (fault === "loseInside") loseAll()
    transaction.abort()
    return request
  }
}
