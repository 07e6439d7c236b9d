/**
 * Faults that no server is allowed to have, put into the real one for the control arms.
 *
 * Each is an edit of the server's own source text while it is loaded. Rules: docs/spec/chaos.md.
 */

import type { SourceEdit } from "../SourceEdits.ts"

/** How long a spoiled commit follows its acknowledgement, an Effect duration. */
const commitDelay = "200 millis"

const acknowledgeBeforeCommit: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/LogSql.ts",
    from: "import { Effect, Layer, Metric, Predicate }",
    to: "import { Deferred, Effect, Layer, Metric, Predicate }"
  },
  {
    file: "packages/server/src/LogSql.ts",
    from: "sql.withTransaction,",
    to: `(body) => Effect.gen(function* () {
      const answered = yield* Deferred.make()
      const late = Effect.tap(body, (answers) =>
        Effect.andThen(Deferred.succeed(answered, answers), Effect.sleep("${commitDelay}")))
      yield* Effect.forkDetach(Effect.catchCause(sql.withTransaction(late), (cause) => Deferred.failCause(answered, cause)))
      return yield* Deferred.await(answered)
    }),`
  },
  {
    file: "packages/server/src/LogSql.ts",
    from: "yield* appendAtHeads(heads, moved, entries)",
    to: `yield* Effect.as(Effect.forkDetach(Effect.ignore(Effect.delay(appendAtHeads(heads, moved, entries), "${commitDelay}"))), true)`
  }
]

const synchronousOff: ReadonlyArray<SourceEdit> = [
  { file: "packages/server/src/SqliteClient.ts", from: "PRAGMA synchronous = FULL", to: "PRAGMA synchronous = OFF" }
]

const commitsAsynchronous: ReadonlyArray<SourceEdit> = [
  { file: "packages/server/src/Postgres.ts", from: 'synchronous_commit: "on"', to: 'synchronous_commit: "off"' }
]

/** A failed write or fsync counts as done. */
const diskErrorsIgnored: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/SqliteClient.ts",
    from: "try: run,",
    to: "try: () => { try { return run() } catch (cause) { if (isDiskBroken(cause)) return []; throw cause } },"
  }
]

const bufferWithoutBound: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/LiveSocket.ts",
    from: "if (isFull) return false",
    to: "if (isFull && Number.isNaN(0)) return false"
  }
]

/** A rate by a clock that somebody may set: after it was set back nobody has a request left for as long. */
const ratesByTheClock: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/internal/tokenBucket.ts",
    from: "Math.max(0, now - bucket.atMillis)",
    to: "(now - bucket.atMillis)"
  }
]

/** No fault: a disk so slow that the routes take a while to make. */
const slowStart: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/WebApp.ts",
    from: "const path = yield* Path.Path\n",
    to: 'const path = yield* Path.Path\n      yield* Effect.sleep("300 millis")\n'
  }
]

/** No fault: other processes find everything by their poll. What hints cost is measured against it. */
const noHints: ReadonlyArray<SourceEdit> = [
  {
    file: "packages/server/src/PostgresFollower.ts",
    from: "yield* client.notify(on, ",
    to: "yield* Effect.succeed("
  }
]

/** The faults, by name. */
export const spoils = {
  acknowledgeBeforeCommit,
  bufferWithoutBound,
  commitsAsynchronous,
  diskErrorsIgnored,
  noHints,
  ratesByTheClock,
  slowStart,
  synchronousOff
} as const

export type SpoilName = keyof typeof spoils

/** Whether a text names a fault. */
export const isSpoilName = (name: string): name is SpoilName => Object.hasOwn(spoils, name)
