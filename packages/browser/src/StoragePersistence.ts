/**
 * Whether the browser has promised to keep this site's storage when the disk gets full, and how much of it is used.
 *
 * It is asked for once, after the first content was written, because browsers say yes sooner to a site that is used; the
 * answer is shown, never assumed [TAB-12]. Rules: docs/spec/browser.md.
 */
import { type Watched, watchedCell } from "./Watched.ts"

/** `kept`: the browser promised. `evictable`: it did not, and may clear the site when space runs out. */
export type StoragePromise = "unknown" | "kept" | "evictable"

/** The part of `navigator.storage` that is used; older browsers lack it. */
export interface StorageKeeper {
  readonly persist?: () => Promise<boolean>
  readonly persisted?: () => Promise<boolean>
  readonly estimate?: () => Promise<{ readonly usage?: number; readonly quota?: number }>
}

/** What the site has stored and may store on this device, in bytes. Browsers round both. */
export interface StorageUse {
  readonly usedBytes: number
  readonly quotaBytes: number
}

/** Undefined where the browser does not say, or fails. */
export const readStorageUse = (keeper: StorageKeeper | undefined): Promise<StorageUse | undefined> =>
  keeper?.estimate === undefined
    ? Promise.resolve(undefined)
    : keeper.estimate().then(
        ({ quota, usage }) =>
          quota === undefined || usage === undefined ? undefined : { usedBytes: usage, quotaBytes: quota },
        () => undefined
      )

export interface StoragePersistence {
  readonly promise: Watched<StoragePromise>
  /** Something was written: asks for the promise, once, unless it was given before. */
  readonly contentWritten: () => void
}

/** Looks at once whether the promise was given before. A browser that cannot say, or fails, leaves `unknown`. */
export const watchStoragePersistence = (keeper: StorageKeeper | undefined): StoragePersistence => {
  const cell = watchedCell<StoragePromise>("unknown")
  let isAsked = false
  const tell = (ask: (() => Promise<boolean>) | undefined, otherwise: StoragePromise): Promise<void> =>
    ask === undefined
      ? Promise.resolve()
      : ask().then(
          (isKept) => cell.set(isKept ? "kept" : otherwise),
          () => undefined
        )
  const looked = tell(keeper?.persisted?.bind(keeper), "unknown")
  return {
    promise: cell,
    contentWritten: () => {
      if (isAsked) return
      isAsked = true
      void looked.then(() => (cell.current() === "kept" ? undefined : tell(keeper?.persist?.bind(keeper), "evictable")))
    }
  }
}
