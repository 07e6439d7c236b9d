/**
 * Queries that outlive the connection they were asked on.
 *
 * Dexie asks a live query again after each change. One that fails because the database was lost it gives up, silently or
 * with an error that would take the screen down: here it keeps its last answer, and is asked again when the database is
 * back [STORE-71]. Any other error is the caller's. Rules: docs/spec/store.md.
 */
import { liveQuery } from "dexie"
import { errorToStoreFailed } from "./internal/dexieFailures.ts"

/** In the shape of Dexie's own live queries: `useObservable` and `for await` take it. */
export interface RowsObservable<A> {
  readonly subscribe: (next: (answer: A) => void, failed?: (error: unknown) => void) => { unsubscribe: () => void }
  /** Whether it was ever answered, and the last answer. */
  readonly hasValue: () => boolean
  readonly getValue: () => A
}

export interface LiveRows {
  readonly watch: <A>(query: () => Promise<A> | A) => RowsObservable<A>
  /** Whether a query failed and was not asked again since. */
  readonly isAnyWaiting: () => boolean
  /** Whether a query got no answer since it failed, asked again or not. */
  readonly isAnyUnanswered: () => boolean
  /** Asks the queries that failed again. */
  readonly askAgain: () => void
}

/** `moved` is called at each failure that a new connection may mend, and when the last query that failed is answered. */
export const liveRows = (moved: () => void): LiveRows => {
  /** Subscriptions that failed and were not asked again. */
  const waiting = new Set<() => void>()
  /** Those, and those that were asked again and not answered yet. */
  const unanswered = new Set<() => void>()

  const watch = <A>(query: () => Promise<A> | A): RowsObservable<A> => {
    /** What the subscriptions of this query do when it failed. */
    const missedBy = new Set<() => void>()
    const live = liveQuery(() => {
      const answer = query()
      // Dexie says nothing of some losses, so they are noticed here. A query that a newer one overtook fails, too; the newer
      // one's answer then ends the waiting.
      Promise.resolve(answer).catch((error: unknown) => {
        if (isLoss(error)) for (const missed of missedBy) missed()
      })
      return answer
    })
    let last: { readonly answer: A } | undefined
    return {
      hasValue: () => last !== undefined,
      getValue: () => {
        if (last === undefined) throw new TypeError("The query was not answered yet")
        return last.answer
      },
      subscribe: (next, failed) => {
        const settle = () => {
          waiting.delete(again)
          if (unanswered.delete(again) && unanswered.size === 0) moved()
        }
        const answered = (answer: A) => {
          settle()
          last = { answer }
          next(answer)
        }
        const missed = () => {
          waiting.add(again)
          unanswered.add(again)
          moved()
        }
        const ask = () => live.subscribe(answered, (error: unknown) => (isLoss(error) ? missed() : failed?.(error)))
        const again = () => {
          asked.unsubscribe()
          asked = ask()
        }
        missedBy.add(missed)
        let asked = ask()
        return {
          unsubscribe: () => {
            missedBy.delete(missed)
            asked.unsubscribe()
            settle()
          }
        }
      }
    }
  }

  return {
    watch,
    isAnyWaiting: () => waiting.size > 0,
    isAnyUnanswered: () => unanswered.size > 0,
    askAgain: () => {
      const again = [...waiting]
      waiting.clear()
      for (const one of again) one()
    }
  }
}

const isLoss = (error: unknown): boolean => {
  const reason = errorToStoreFailed(error)?.reason
  return reason !== undefined && reason !== "damaged"
}
