/** Asking the browser to keep the site's storage. Rules: docs/spec/browser.md. */
import { assert, describe, it } from "@effect/vitest"
import { readStorageUse, type StoragePromise, watchStoragePersistence } from "../src/StoragePersistence.ts"

/** A browser that answers as told and counts how often it was asked. */
const browser = (wasKept: boolean, answer: boolean) => {
  const asked: Array<string> = []
  const keeper = {
    persisted: () => {
      asked.push("persisted")
      return Promise.resolve(wasKept)
    },
    persist: () => {
      asked.push("persist")
      return Promise.resolve(answer)
    }
  }
  return { asked, keeper }
}

/** Resolves when the promise has become this. */
const becomes = (watched: ReturnType<typeof watchStoragePersistence>["promise"], wanted: StoragePromise) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (watched.current() === wanted) resolve()
    }
    watched.subscribe(look)
    look()
  })

describe("storage", () => {
  it("TAB-12 is asked to be kept once, after the first content, and the answer is told", async () => {
    for (const [answer, told] of [
      [true, "kept"],
      [false, "evictable"]
    ] as const) {
      const { asked, keeper } = browser(false, answer)
      const persistence = watchStoragePersistence(keeper)
      assert.strictEqual(persistence.promise.current(), "unknown")
      assert.deepStrictEqual(asked, ["persisted"])
      persistence.contentWritten()
      persistence.contentWritten()
      await becomes(persistence.promise, told)
      assert.deepStrictEqual(asked, ["persisted", "persist"])
    }
  })

  it("TAB-12 that was promised before is not asked for again", async () => {
    const { asked, keeper } = browser(true, false)
    const persistence = watchStoragePersistence(keeper)
    await becomes(persistence.promise, "kept")
    persistence.contentWritten()
    await Promise.resolve()
    assert.deepStrictEqual(asked, ["persisted"])
  })

  it("TAB-12 of a browser that cannot say, or refuses to answer, stays unknown", async () => {
    const silent = watchStoragePersistence(undefined)
    silent.contentWritten()
    const failing = watchStoragePersistence({ persisted: () => Promise.reject(new Error("no")) })
    failing.contentWritten()
    await Promise.resolve()
    assert.deepStrictEqual([silent.promise.current(), failing.promise.current()], ["unknown", "unknown"])
  })

  it("TAB-12 tells how much is used of how much, where the browser says both", async () => {
    const saying = (estimate: { usage?: number; quota?: number }) => ({ estimate: () => Promise.resolve(estimate) })
    assert.deepStrictEqual(await readStorageUse(saying({ usage: 3, quota: 10 })), { usedBytes: 3, quotaBytes: 10 })
    assert.isUndefined(await readStorageUse(saying({ usage: 3 })))
    assert.isUndefined(await readStorageUse({ estimate: () => Promise.reject(new Error("no")) }))
    assert.isUndefined(await readStorageUse(undefined))
  })
})
