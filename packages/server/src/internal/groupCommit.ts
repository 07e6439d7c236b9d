/**
 * Group commit: everything that queued up while the previous commit ran goes into the next one. No timer.
 *
 * The first job of a quiet server goes out alone and at once; under load the groups grow by themselves. A group that
 * fails is tried again job by job, so that one bad job cannot fail its neighbours [LOG-6]. A job whose asker went away is
 * still committed: its bytes were accepted, and a repeat gets the same receipt.
 */
import { Deferred, Effect, Exit, Queue, type Scope } from "effect"

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

/** Starts the one writer and returns the way to it. `commit` answers one answer a job, in order. */
export const makeGroupCommit = <Job, Answer, E>(options: {
  readonly bytesOf: (job: Job) => number
  readonly commit: (jobs: ReadonlyArray<Job>) => Effect.Effect<ReadonlyArray<Answer>, E>
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

    const commitOne = (waiting: Waiting<Job, Answer, E>) =>
      Effect.flatMap(exitOf([waiting]), (exit) =>
        Exit.isSuccess(exit) ? settle([waiting], exit.value) : Deferred.failCause(waiting.done, exit.cause)
      )

    const commitGroup = (group: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.flatMap(exitOf(group), (exit): Effect.Effect<unknown> =>
        Exit.isSuccess(exit) ? settle(group, exit.value) : Effect.forEach(group, commitOne, { discard: true })
      )

    const commitWaiting = (waiting: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.forEach(
        cutGroups(waiting, ({ job }) => options.bytesOf(job)),
        (group) => (group.length === 1 && group[0] !== undefined ? commitOne(group[0]) : commitGroup(group)),
        { discard: true }
      )
    /** The writer outlives whatever is wrong with a round: everybody of that round hears of it, the next one begins. */
    const round = (waiting: ReadonlyArray<Waiting<Job, Answer, E>>) =>
      Effect.catchCause(
        Effect.suspend(() => commitWaiting(waiting)),
        (cause) => Effect.forEach(waiting, ({ done }) => Deferred.failCause(done, cause), { discard: true })
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
