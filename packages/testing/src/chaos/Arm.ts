/**
 * One arm: a stand, blows under load, and what the clients found.
 *
 * A crew works for some blows on a workspace of its own; then it finishes what it began, and everything is audited. Clients
 * are never told about a blow. Rules: docs/spec/chaos.md.
 */
import { Context, Duration, Effect, Fiber, Layer, Option } from "effect"
import { Socket } from "effect/socket"
import type { Primitives } from "@tidemark/crypto"
import { ServerApi, ServerHttp } from "@tidemark/replica"
import type { SeededRandom } from "../SeededRandom.ts"
import { audit } from "./Audit.ts"
import { write } from "./Author.ts"
import { makeCrew } from "./Crew.ts"
import { Ledger, type Wrong, wrongs } from "./Ledger.ts"
import { LogView } from "./LogView.ts"
import { followForEver, pullForEver, pullToHead } from "./Reader.ts"
import type { Stand } from "./Stand.ts"
import { pauseFor } from "./internal/wallClock.ts"

/** Blows a crew goes through; its tokens outlast them. */
const crewRoundsMax = 25
/** Devices of a crew. */
const crewCount = 4
/** Answers between two blows, and the pause after them, in milliseconds: anywhere in the middle of the work. */
const answersMin = 4
const answersMax = 150
const pauseMillisMax = 60
/** How long clients may take to get on by themselves after a blow. */
const recovery = Duration.seconds(30)

/** What an arm did and found. */
export interface Tally {
  readonly rounds: number
  readonly blows: ReadonlyMap<string, number>
  readonly acknowledged: number
  readonly repeated: number
  readonly renewed: number
  readonly wrongs: ReadonlyMap<Wrong, number>
  readonly notes: ReadonlyArray<string>
  readonly seconds: number
}

const apiOf = Effect.fnUntraced(function* (origin: string) {
  const layer = ServerHttp.layer(origin)
  const context = yield* Layer.build(Layer.provide(layer, Socket.layerWebSocketConstructorGlobal))
  return Context.get(context, ServerApi)
})

/** Waits until that many answers have come in; whether they came in time. */
const untilAnswered = (ledger: Ledger, count: number) =>
  Effect.gen(function* () {
    while (ledger.acknowledged.size + ledger.repeated < count) yield* pauseFor(2)
  }).pipe(Effect.timeoutOption(recovery), Effect.map(Option.isSome))

/** The blows a crew goes through, each after some work. */
const strikes = Effect.fnUntraced(function* (
  stand: Stand,
  ledger: Ledger,
  random: SeededRandom,
  rounds: number,
  blows: Map<string, number>
) {
  for (let round = 0; round < rounds; round++) {
    const wanted = ledger.acknowledged.size + ledger.repeated + random.between(answersMin, answersMax)
    if (!(yield* untilAnswered(ledger, wanted)))
      ledger.report("stalls", `no ${wanted} answers, round ${round}; ${ledger.waiting()}`)
    yield* pauseFor(random.next() * pauseMillisMax)
    const kind = yield* stand.strike
    blows.set(kind, (blows.get(kind) ?? 0) + 1)
  }
})

/** Waits for an end that must come by itself. */
const finish = (ledger: Ledger, what: string, effect: Effect.Effect<unknown>) =>
  Effect.flatMap(Effect.timeoutOption(effect, recovery), (ended) =>
    Effect.sync(() => (Option.isNone(ended) ? ledger.report("stalls", `${what}; ${ledger.waiting()}`) : undefined))
  )

/** Waits until a reader is done, for as long as it gets on: a long log on a busy machine takes its time. Whether it is. */
const finishReading = (
  ledger: Ledger,
  view: LogView,
  what: string,
  reading: Effect.Effect<unknown, never, Primitives>
) => {
  const stuck = Effect.gen(function* () {
    for (let before = -1; view.seq > before;) {
      before = view.seq
      yield* pauseFor(Duration.toMillis(recovery))
    }
    ledger.report("stalls", `${what} at ${view.seq}; ${ledger.waiting()}`)
    return false
  })
  return Effect.raceFirst(Effect.as(reading, true), stuck)
}

const untilAt = (view: LogView, seq: number) =>
  Effect.gen(function* () {
    while (view.seq < seq) yield* pauseFor(5)
  })

/** A crew's whole life: founded, at work under blows, done, audited. */
const runCrew = Effect.fnUntraced(function* (
  stand: Stand,
  random: SeededRandom,
  rounds: number,
  blows: Map<string, number>
) {
  const ledger = new Ledger()
  const apis = yield* Effect.forEach(stand.origins, apiOf)
  const [first] = apis
  if (first === undefined) return ledger
  yield* stand.ready ?? Effect.void
  const crew = yield* Effect.provideService(makeCrew(crewCount), ServerApi, first)
  yield* stand.settled
  const readers = crew.slice(0, 2).map((member, index) => {
    const name = index === 0 ? "puller" : "follower"
    return { member, apis, view: new LogView(name, ledger), random: random.fork(name) }
  })
  const [puller, follower] = readers
  if (puller === undefined || follower === undefined) return ledger
  yield* Effect.forkScoped(pullForEver(puller))
  yield* Effect.forkScoped(followForEver(follower))
  const writing = yield* Effect.forEach(crew, (member, index) =>
    Effect.forkScoped(write({ member, apis, ledger, random: random.fork(`author ${index}`) }))
  )
  yield* strikes(stand, ledger, random.fork("blows"), rounds, blows)
  ledger.isClosing = true
  yield* finish(ledger, "authors did not finish", Fiber.awaitAll(writing))
  // What is acknowledged from here on, after a stall, would not be in the log that is read now.
  yield* Fiber.interruptAll(writing)
  const log = { ...puller, view: new LogView("auditor", ledger), random: random.fork("auditor") }
  // Half a log proves nothing: everything behind it would look lost.
  if (!(yield* finishReading(ledger, log.view, "the log could not be read", pullToHead(log)))) return ledger
  for (const { view } of readers) yield* finishReading(ledger, view, `${view.name} behind`, untilAt(view, log.view.seq))
  audit(
    ledger,
    log.view,
    readers.map(({ view }) => view)
  )
  return ledger
}, Effect.scoped)

/** Told after each crew: blows so far, and how often each wrong was seen by this crew. */
export type Progress = (rounds: number, ledger: Ledger) => void

/** Runs an arm. The random stream decides every choice of ours; the machine decides when things happen. */
export const runArm = Effect.fnUntraced(function* (
  stand: Stand,
  random: SeededRandom,
  rounds: number,
  progress?: Progress
) {
  const startedAt = performance.now()
  const blows = new Map<string, number>()
  const ledgers: Array<Ledger> = []
  for (let done = 0; done < rounds; done += crewRoundsMax) {
    const count = Math.min(crewRoundsMax, rounds - done)
    const ledger = yield* runCrew(stand, random.fork(`crew ${done}`), count, blows)
    progress?.(done + count, ledger)
    ledgers.push(ledger)
  }
  const sum = (of: (ledger: Ledger) => number) => ledgers.reduce((total, ledger) => total + of(ledger), 0)
  return {
    rounds,
    blows,
    acknowledged: sum(({ acknowledged }) => acknowledged.size),
    repeated: sum(({ repeated }) => repeated),
    renewed: sum(({ renewed }) => renewed),
    wrongs: new Map(wrongs.map((wrong) => [wrong, sum(({ counts }) => counts.get(wrong) ?? 0)])),
    notes: ledgers.flatMap(({ notes }) => notes),
    seconds: (performance.now() - startedAt) / 1_000
  } satisfies Tally
})
