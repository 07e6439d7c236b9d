/**
 * Group commit: everything that queued up while the previous commit ran goes into the next one. No timer.
 *
 * The first job of a quiet server goes out alone and at once; under load the groups grow by themselves. A group that
 * fails is tried again job by job, so that one bad job cannot fail its neighbours [LOG-6]; not where no job can have been
 * the cause, or a thousand jobs would wait one after the other for a database that does not answer. A job whose asker went away is
 * still committed: its bytes were accepted, and a repeat gets the same receipt.
 */
import { Cause, Deferred, Effect, Exit, Queue, type Scope } from "effect"

/** Jobs that may wait before askers themselves have to wait. */
const waitingJobsMax = 1_024
/** The most a group may weigh, in bytes; a single job may weigh more. */
const groupBytesMax = 16 * 1_048_576

interface Waiting<Job, Answer, E> {
  readonly job: Job
  readonly done: Deferred.Deferred<Answer, E>
}

/** Cuts what waits into groups by weight, in order. */
const cutGroups = <A>(waiting: ReadonlyArray<A>, weightOf: (item: A) => number): Array<Array<A>> => {
  const groups: Array<Array<A>> = []
  let weight = 0
  for (const item of waiting) {
    const last = groups.at(-1)
    weight += weightOf(item)
    if (last === undefined || weight > groupBytesMax) {
      groups.push([item])
      weight = weightOf(item)
    } else last.push(item)
  }
  return groups
}

/**
 * Starts the one writer and returns the way to it. `commit` answers one answer a job, in order. A failure that `isOfAll`
 * is no job's own: it fails the group at once.
 */
export const makeGroupCommit = <Job, Answer, E>(options: {
  readonly bytesOf: (job: Job) => number
  readonly commit: (jobs: ReadonlyArray<Job>) => Effect.Effect<ReadonlyArray<Answer>, E>
  readonly isOfAll?: (error: E) => boolean
}): Effect.Effect<(job: Job) => Effect.Effect<Answer, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const queue = yield* Queue.bounded<Waiting<Job, Answer, E>>(waitingJobsMax)

    const settle = (group: ReadonlyArray<Waiting<Job, Answer, E>>, answers: ReadonlyArray<Answer>) =>
      Effect.forEach(
        group,
        ({ done }, index) => {
          const answer = answers[index]
          return answer === undefined
            ? Deferred.die(done, new Error("a group commit must answer every job"))
            : Deferred.succeed(done, answer)
        },
        { discard: true }
      )

    /** How a commit of these ended; also where it throws before it is an effect. */
    const exitOf = (group: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.exit(Effect.suspend(() => options.commit(group.map(({ job }) => job))))

    const fail = (group: ReadonlyArray<Waiting<Job, Answer, E>>, cause: Cause.Cause<E>) =>
      Effect.forEach(group, ({ done }) => Deferred.failCause(done, cause), { discard: true })

    const isOfAll = (cause: Cause.Cause<E>) =>
      cause.reasons.some((reason) => Cause.isFailReason(reason) && options.isOfAll?.(reason.error) === true)

    const commitGroup = (group: ReadonlyArray<Waiting<Job, Answer, E>>): Effect.Effect<void> =>
      Effect.flatMap(exitOf(group), (exit) => {
        if (Exit.isSuccess(exit)) return settle(group, exit.value)
        return group.length === 1 || isOfAll(exit.cause)
          ? fail(group, exit.cause)
          : Effect.forEach(group, (one) => commitGroup([one]), { discard: true })
      })

    const commitWaiting = (waiting: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.forEach(
        cutGroups(waiting, ({ job }) => options.bytesOf(job)),
        commitGroup,
        { discard: true }
      )
    /** The writer outlives whatever is wrong with a round: everybody of that round hears of it, the next one begins. */
    const round = (waiting: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.catchCause(
        Effect.suspend(() => commitWaiting(waiting)),
        (cause) => fail(waiting, cause)
      )
    // A commit that started is finished: an interruption comes between two rounds, not inside one.
    yield* Effect.forkScoped(
      Effect.forever(Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(Queue.takeAll(queue)), round)))
    )

    return (job: Job) =>
      Effect.gen(function* () {
        const done = yield* Deferred.make<Answer, E>()
        yield* Queue.offer(queue, { job, done })
        return yield* Deferred.await(done)
      })
  })
