/**
 * Changes that are not on disk: kept in memory, shown, and tried again by themselves.
 *
 * A change that could not be stored, as where the disk is full, is not given back to be lost in a message: its promise
 * stays open, the change waits here, and it is sent again, soon and then less and less often, or at once where another
 * change found room. A change waits behind those about the same record, so that none overtakes a newer one; others go on.
 * What is unknown or refused is the caller's. Rules: docs/spec/browser.md.
 */
import type { Change, Changed } from "@tidemark/replica"
import { StoreFailed } from "@tidemark/sync"
import { Cause, Deferred, Effect, Exit, Option, Queue, type Scope } from "effect"
import { WorkerStopped } from "./BrowserErrors.ts"
import { type Watched, watchedCell } from "./Watched.ts"

/** Calls that may wait, and the size of all their changes as JSON; what comes beyond is refused. */
export const unsavedCountMax = 1_000
export const unsavedCharactersMax = 4 * 1_048_576

/** A call that was not answered for this long is shown as unsaved: the browser's database hangs. */
export const slowMillis = 3_000

/** The wait before the second attempt; doubled for each further one up to the most. */
export const againMillisMin = 2_000
export const againMillisMax = 30_000

/** The least wait between two attempts, so that small changes that find room do not each bring on all that do not. */
const pauseMillis = 1_000

export interface Unsaved {
  /** The changes, oldest first, a list for each call. */
  readonly calls: ReadonlyArray<ReadonlyArray<Change>>
  /** What happened, what is safe, what to do. */
  readonly message: string
}

export interface UnsavedChanges<E> {
  /** Succeeds when the change is on disk, however long that takes. */
  readonly change: (changes: ReadonlyArray<Change>) => Effect.Effect<Changed, E>
  /** Undefined while everything is saved, or about to be. */
  readonly unsaved: Watched<Unsaved | undefined>
  /** Tries everything that waits now. */
  readonly saveNow: () => void
}

interface Call<E> {
  readonly changes: ReadonlyArray<Change>
  readonly characters: number
  readonly answer: Deferred.Deferred<Changed, E>
  message: string
}

/** A call that was sent and is not answered yet; `answered` comes when it is, or waits here. */
interface Sent {
  readonly changes: ReadonlyArray<Change>
  readonly answered: Deferred.Deferred<void>
}

const slowMessage =
  "This device's storage has not answered for some seconds. Keep this page open: it is stored as soon as it answers. If it lasts, close other tabs of this app."

/** `send` stores a change; what it fails with says whether it was. The scope's end gives up what waits. */
export const makeUnsavedChanges = <E>(
  send: (changes: ReadonlyArray<Change>) => Effect.Effect<Changed, E>
): Effect.Effect<UnsavedChanges<E | StoreFailed>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting: Array<Call<E | StoreFailed>> = []
    /** Calls on their way to the store. */
    const sent = new Set<Sent>()
    const slow = new Set<ReadonlyArray<Change>>()
    const cell = watchedCell<Unsaved | undefined>(undefined)
    const wake = yield* Queue.sliding<void>(1)
    const saveNow = () => void Queue.offerUnsafe(wake, undefined)

    const show = (): void => {
      const calls = [...waiting.map(({ changes }) => changes), ...slow]
      if (calls.length === 0 && cell.current() === undefined) return
      cell.set(calls.length === 0 ? undefined : { calls, message: waiting[0]?.message ?? slowMessage })
    }

    /** Sends once; shown as unsaved while it takes long. */
    const sendWatched = <F>(changes: ReadonlyArray<Change>, sending: Effect.Effect<Changed, F>) =>
      Effect.raceFirst(
        sending,
        Effect.sleep(slowMillis).pipe(
          Effect.andThen(
            Effect.sync(() => {
              slow.add(changes)
              show()
            })
          ),
          Effect.andThen(Effect.never)
        )
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (slow.delete(changes)) show()
          })
        )
      )

    const keep = (changes: ReadonlyArray<Change>, message: string): Effect.Effect<Changed, E | StoreFailed> => {
      const characters = JSON.stringify(changes).length
      const kept = waiting.reduce((sum, call) => sum + call.characters, characters)
      if (waiting.length >= unsavedCountMax || kept > unsavedCharactersMax) return Effect.fail(tooMany())
      const answer = Deferred.makeUnsafe<Changed, E | StoreFailed>()
      if (waiting.push({ changes, characters, answer, message }) === 1) saveNow()
      show()
      return Deferred.await(answer)
    }

    /** Sends when the calls about the same record that were sent before are answered; not where one of them waits now. */
    const sendInTurn = (changes: ReadonlyArray<Change>, before: ReadonlyArray<Sent>) =>
      Effect.forEach(before, ({ answered }) => Deferred.await(answered), { discard: true }).pipe(
        Effect.andThen(
          Effect.suspend((): Effect.Effect<Changed, E | StoreFailed> => {
            const ahead = aboutSame(waiting, changes)[0]
            return ahead === undefined
              ? send(changes)
              : Effect.fail(new StoreFailed({ reason: "full", message: ahead.message }))
          })
        )
      )

    const change = (changes: ReadonlyArray<Change>): Effect.Effect<Changed, E | StoreFailed> =>
      Effect.suspend(() => {
        const ahead = aboutSame(waiting, changes)[0]
        if (ahead !== undefined) return keep(changes, ahead.message)
        const call: Sent = { changes, answered: Deferred.makeUnsafe() }
        const turn = sendInTurn(changes, aboutSame(sent, changes))
        sent.add(call)
        const isAnswered = Effect.sync(() => {
          sent.delete(call)
          Deferred.doneUnsafe(call.answered, Effect.void)
        })
        // Kept before the next one may go: it finds this one waiting.
        return sendWatched(changes, turn).pipe(
          Effect.tap(() => Effect.sync(saveNow)),
          Effect.map((changed): Effect.Effect<Changed, E | StoreFailed> => Effect.succeed(changed)),
          Effect.catch((error) =>
            isUnsaved(error) ? Effect.sync(() => keep(changes, error.message)) : Effect.fail(error)
          ),
          Effect.ensuring(isAnswered),
          Effect.flatten
        )
      })

    /** Tries each call that waits once, in order; returns whether one was stored. */
    const tryAll = Effect.gen(function* () {
      let isAnyStored = false
      const failed: Array<ReadonlyArray<Change>> = []
      for (const call of [...waiting]) {
        if (failed.some((changes) => isAboutSame(changes, call.changes))) continue
        const exit = yield* Effect.exit(sendWatched(call.changes, send(call.changes)))
        const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        if (isUnsaved(error)) {
          call.message = error.message
          failed.push(call.changes)
          continue
        }
        waiting.splice(waiting.indexOf(call), 1)
        show()
        isAnyStored ||= Exit.isSuccess(exit)
        yield* Deferred.done(call.answer, exit)
      }
      return isAnyStored
    })

    const loop = Effect.gen(function* () {
      for (let millis = againMillisMin; ;) {
        if (waiting.length === 0) {
          millis = againMillisMin
          yield* Queue.take(wake)
          continue
        }
        yield* Effect.sleep(pauseMillis)
        yield* Effect.timeoutOption(Queue.take(wake), millis - pauseMillis)
        millis = (yield* tryAll) ? againMillisMin : Math.min(againMillisMax, 2 * millis)
      }
    })
    yield* Effect.forkScoped(loop)
    return { change, unsaved: cell, saveNow }
  })

/** Failures that say that nothing was written, and that may pass. */
const isUnsaved = (error: unknown): error is StoreFailed | WorkerStopped =>
  error instanceof StoreFailed
    ? error.reason === "full" || error.reason === "aborted"
    : error instanceof WorkerStopped && !error.outcomeUnknown

/** The calls among these that touch a record of `changes`, in their order. */
const aboutSame = <A extends { readonly changes: ReadonlyArray<Change> }>(
  calls: Iterable<A>,
  changes: ReadonlyArray<Change>
): ReadonlyArray<A> => [...calls].filter((call) => isAboutSame(call.changes, changes))

/** Whether two calls touch a record in common, as far as can be told from outside. */
const isAboutSame = (a: ReadonlyArray<Change>, b: ReadonlyArray<Change>): boolean =>
  a.some((one) => b.some((other) => isSameRecord(one, other)))

const isSameRecord = (a: Change, b: Change): boolean => {
  if (a.table !== b.table || a._tag === "Insert" || b._tag === "Insert") return false
  if (a._tag === "Ensure" && b._tag === "Ensure") return a.key === b.key
  // Only the worker knows which record a key stands for.
  return a._tag === "Ensure" || b._tag === "Ensure" || a.id === b.id
}

const tooMany = () =>
  new StoreFailed({
    reason: "full",
    message:
      "This change was not saved: this device's storage takes nothing, and no more can be kept waiting in this page. What was stored before is safe. Free some space, then try again."
  })
