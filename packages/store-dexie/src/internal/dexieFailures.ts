/** What the errors of IndexedDB and Dexie mean for the caller of a `LocalStore`. */
import { Effect } from "effect"
import { StoreFailed } from "@tidemark/sync"

/** A stored row that does not decode. */
export class DamagedRow extends Error {}

type Reason = StoreFailed["reason"]

const messages: Record<Reason, string> = {
  full: "This device has no more room for this site. Nothing of this change was written; what was stored before is safe. Free some space, then try again.",
  aborted: "The browser aborted the change. Nothing of it was written; what was stored before is safe. Try again.",
  disconnected:
    "The browser's database stopped answering, and whether this change was written is unknown. What was stored before is safe. The next attempt opens it again.",
  versionChanged:
    "Another version of this app needs the database. Nothing was written; what was stored before is safe. Reload this page.",
  gone: "This workspace is not in this browser any more: its storage was cleared, or it was removed in another tab. Nothing was written. Copy what you still see here; what the server has confirmed comes back when you join again by a link.",
  damaged:
    "A part of the local database cannot be read. Nothing was written. Keep this browser profile, and fetch the workspace again from the server or a backup."
}

/** By the name of the DOMException or Dexie error. What is not in here is a mistake of the caller. */
const reasonByName = new Map<string, Reason>([
  ["QuotaExceededError", "full"],
  ["AbortError", "aborted"],
  ["TimeoutError", "aborted"],
  ["TransactionInactiveError", "aborted"],
  ["PrematureCommitError", "disconnected"],
  ["DatabaseClosedError", "disconnected"],
  ["InvalidStateError", "disconnected"],
  ["NoSuchDatabaseError", "disconnected"],
  ["OpenFailedError", "disconnected"],
  ["MissingAPIError", "disconnected"],
  ["SecurityError", "disconnected"],
  // WebKit: "Connection to Indexed Database server lost"; Chromium: an error of the disk.
  ["UnknownError", "disconnected"],
  ["VersionError", "versionChanged"],
  ["VersionChangeError", "versionChanged"],
  ["NotReadableError", "damaged"]
])

export const storeFailed = (reason: Reason, cause?: unknown, message: string = messages[reason]): StoreFailed =>
  new StoreFailed({ reason, message, ...(cause === undefined ? {} : { cause }) })

/** An error and the errors it was made from: Dexie wraps those of IndexedDB, bulk errors hold one for each row. */
const withInner = (error: unknown, depth = 0): ReadonlyArray<Error> => {
  if (!(error instanceof Error) || depth > 4) return []
  const inner = [
    error.cause,
    "inner" in error ? error.inner : undefined,
    ...("failures" in error && Array.isArray(error.failures) ? error.failures.slice(0, 1) : [])
  ]
  return [error, ...inner.flatMap((one: unknown) => withInner(one, depth + 1))]
}

/** The failure an error stands for; undefined for one that is a mistake of the caller. A full disk hides in aborts. */
export const errorToStoreFailed = (error: unknown): StoreFailed | undefined => {
  const errors = withInner(error)
  const known = errors.find((one) => one instanceof StoreFailed)
  if (known !== undefined) return known
  if (errors.some((one) => one instanceof DamagedRow)) return storeFailed("damaged", error)
  const reasons = errors.flatMap(({ name }) => reasonByName.get(name) ?? [])
  if (reasons.includes("full")) return storeFailed("full", error)
  const [reason] = reasons
  if (reason !== undefined) return storeFailed(reason, error)
  return errors.some(({ message }) => /database server lost|database connection is closing/i.test(message))
    ? storeFailed("disconnected", error)
    : undefined
}

/** Runs a promise of Dexie; its errors become `StoreFailed`, every other one a defect. */
export const attempt = <A>(body: () => PromiseLike<A>): Effect.Effect<A, StoreFailed> =>
  Effect.tryPromise({ try: async () => await body(), catch: (error) => error }).pipe(
    Effect.catch((error) => {
      const failure = errorToStoreFailed(error)
      return failure === undefined ? Effect.die(error) : Effect.fail(failure)
    })
  )
