/**
 * Calls on one database take turns, and an edit goes first: the browser would have it wait for every transaction that was begun
 * before it, and a worker that syncs begins many at once.
 */
import { Effect } from "effect"

/** So many edits in a row go before something else that waits. */
const editsInRowMax = 8

/** Runs `work` alone; one that is about an edit goes before all others that wait. */
export type InTurn = <A, E>(isEdit: boolean, work: Effect.Effect<A, E>) => Effect.Effect<A, E>

export const makeTurns = (): InTurn => {
  const edits: Array<() => void> = []
  const others: Array<() => void> = []
  let isTaken = false
  let editsInRow = 0

  const next = (): void => {
    const edit = editsInRow < editsInRowMax || others.length === 0 ? edits.shift() : undefined
    editsInRow = edit === undefined ? 0 : editsInRow + 1
    const turn = edit ?? others.shift()
    isTaken = turn !== undefined
    turn?.()
  }
  const take = (isEdit: boolean) =>
    Effect.callback<void>((resume) => {
      const turn = () => resume(Effect.void)
      if (isTaken) return void (isEdit ? edits : others).push(turn)
      isTaken = true
      turn()
    })
  return (isEdit, work) =>
    Effect.acquireUseRelease(
      take(isEdit),
      () => work,
      () => Effect.sync(next)
    )
}
