/**
 * One connection to a workspace's database: opened at once, closed with the scope, and opened anew after it was lost.
 *
 * Browsers take connections away: WebKit loses its database server, Chromium closes what it thinks broken, another tab
 * brings a newer schema. A call that has done nothing yet is then repeated on a new connection, a few times, later and
 * later; one whose outcome is unknown is the caller's. A database that was cleared meanwhile is never made again under a
 * running tab: what this tab knows belongs to the one that is gone [STORE-69]. Rules: docs/spec/store.md.
 */
import { Effect, Schedule, type Scope, Semaphore } from "effect"
import type { StoreFailed } from "@tidemark/sync"
import { openWorkspaceDbUnsafe, type WorkspaceDb, type WorkspaceDbOptions } from "../WorkspaceDb.ts"
import { attempt, storeFailed } from "./dexieFailures.ts"
import { Reading } from "./dexieQuarantine.ts"
import { incarnationKey, keptCopy, keptMeta } from "./engineTables.ts"

/** Repeats at once, then after 50 ms, 100 ms … 1.6 s: seven repeats, about three seconds in all. */
export const againSchedule = Schedule.concat(
  Schedule.recurs(1),
  Schedule.exponential("50 millis").pipe(Schedule.upTo({ times: 6, duration: "5 seconds" }))
)

/**
 * Runs Dexie code on an open database. Where the connection is lost or the transaction aborted, the code runs again on a
 * new one as long as `mayRepeat` says that it has done nothing yet.
 */
export type WithDb = <A>(
  body: (db: WorkspaceDb) => PromiseLike<A>,
  mayRepeat?: () => boolean
) => Effect.Effect<A, StoreFailed>

export const makeConnection = Effect.fnUntraced(function* (
  options: WorkspaceDbOptions
): Effect.fn.Return<WithDb, StoreFailed, Scope.Scope> {
  /** Why nothing is opened any more. */
  let ended: StoreFailed | undefined
  let current: WorkspaceDb | undefined
  /** The mark the database got when it was made. */
  let incarnation: string | undefined
  const lock = yield* Semaphore.make(1)

  const end = (reason: "gone" | "disconnected"): StoreFailed => {
    ended ??= storeFailed(reason)
    current?.close()
    return ended
  }

  const connect = Effect.gen(function* () {
    const isFirst = current === undefined
    const onDeleted = () => {
      end("gone")
      options.onDeleted?.()
    }
    const db = yield* openWorkspaceDbUnsafe({ ...options, onDeleted, mustExist: !isFirst })
    const mark = yield* attempt(() => incarnationOf(db)).pipe(Effect.tapError(() => Effect.sync(() => db.close())))
    incarnation ??= mark
    current = db
    // A mark that is damaged, with its copy, says nothing; a database made anew has a whole one.
    return mark === undefined || mark === incarnation ? db : yield* end("gone")
  }).pipe(
    Effect.tapError((failure) => (failure.reason === "gone" ? Effect.sync(() => end("gone")) : Effect.void)),
    // What was opened is kept or closed, never left to itself.
    Effect.uninterruptible
  )

  const connected = lock.withPermit(
    Effect.suspend(() => {
      if (ended !== undefined) return Effect.fail(ended)
      return current?.isOpen() === true ? Effect.succeed(current) : connect
    })
  )

  yield* Effect.addFinalizer(() => lock.withPermit(Effect.sync(() => end("disconnected"))))
  yield* Effect.retry(connected, { schedule: againSchedule, while: isPassing })
  return (body, mayRepeat = () => true) =>
    Effect.flatMap(connected, (db) =>
      // A transaction that was begun is waited for: nobody may go on while a part of it is still to come.
      Effect.uninterruptible(attempt(() => body(db))).pipe(
        Effect.catch((failure) => {
          if (failure.reason !== "disconnected") return Effect.fail(failure)
          db.close()
          return Effect.fail(ended ?? failure)
        })
      )
    ).pipe(
      Effect.retry({
        schedule: againSchedule,
        while: (failure) => ended === undefined && isPassing(failure) && mayRepeat()
      })
    )
})

const incarnationOf = async (db: WorkspaceDb): Promise<string | undefined> => {
  const reading = new Reading()
  const mark = reading.one(keptMeta, await db.tm_meta.get(incarnationKey))
  return (mark ?? reading.one(keptCopy, await db.tm_copies.get(incarnationKey)))?.value
}

/** Whether a new connection may help. */
const isPassing = ({ reason }: StoreFailed): boolean => reason === "disconnected" || reason === "aborted"
