/** Reading clients: one pulls by its cursor, one follows the live socket; both recover by themselves. */
import { Effect, Stream } from "effect"
import type { Page, Seq } from "@tidemark/protocol"
import type { Primitives } from "@tidemark/crypto"
import type { ServerApi, ServerError } from "@tidemark/replica"
import type { SeededRandom } from "../SeededRandom.ts"
import { type Member, meetRefusal } from "./Crew.ts"
import type { LogView } from "./LogView.ts"
import { pauseFor } from "./internal/wallClock.ts"

/** Small pages, so that there are many. */
const pageBytesMax = 16_384
/** How long a puller waits at the head or after a failure, in milliseconds. */
const pauseMillisMax = 20

type Api = ServerApi["Service"]

/** What a reader works with. */
export interface ReaderOptions {
  readonly member: Member
  readonly apis: ReadonlyArray<Api>
  readonly view: LogView
  readonly random: SeededRandom
}

/** Stores the next page; how many entries it held. */
const pullOnce = ({ member, view }: ReaderOptions, api: Api) =>
  Effect.gen(function* () {
    const page = yield* api.pull(member.session, view.cursor, pageBytesMax)
    if (!view.apply(page)) view.ledger.report("gaps", `${view.name} asked after ${view.seq} and got ${page.after}`)
    return page.items.length
  })

/** What a reader's failure means: a server that is away is no fault, anything else is counted. */
const meet = ({ member, view }: ReaderOptions, api: Api, error: ServerError) =>
  Effect.gen(function* () {
    if (error._tag === "LogForked") {
      view.ledger.report("forks", `${view.name} at ${view.seq}`)
      view.forget()
    } else if (!(yield* meetRefusal(member, api, view.ledger, error))) {
      view.ledger.report("refusals", `${view.name}: ${error._tag}`)
    }
  })

const pause = ({ random }: ReaderOptions) => pauseFor(random.between(1, pauseMillisMax))

/** Asks any of the servers; what it is met with ends as `failed`. */
const withAny = <A>(options: ReaderOptions, failed: A, use: (api: Api) => Effect.Effect<A, ServerError>) =>
  Effect.suspend(() => {
    const api = options.random.pick(options.apis)
    if (api === undefined) return Effect.die(new Error("a reader has a server"))
    return Effect.catch(use(api), (error) => Effect.as(meet(options, api, error), failed))
  })

/** Pulls until it is interrupted, each page from any of the servers. */
export const pullForEver = (options: ReaderOptions): Effect.Effect<never, never, Primitives> =>
  withAny(options, 0, (api) => pullOnce(options, api)).pipe(
    Effect.flatMap((count) => (count === 0 ? pause(options) : Effect.void)),
    Effect.forever
  )

/** Pulls until nothing is left; what fails is tried again. */
export const pullToHead = (options: ReaderOptions): Effect.Effect<void, never, Primitives> =>
  Effect.gen(function* () {
    for (let count = 1; count !== 0;) {
      count = yield* withAny(options, -1, (api) => pullOnce(options, api))
      if (count < 0) yield* pause(options)
    }
  })

/** One session: after `Welcome` every page follows the last one, or `Behind` says that pages were left out. */
const follow = (options: ReaderOptions, api: Api) => {
  const { member, view } = options
  let told: Seq | undefined
  const catchUp = (head: Seq) =>
    Effect.gen(function* () {
      while (view.seq < head) if ((yield* pullOnce(options, api)) === 0) return
    })
  const take = (page: Page) => {
    if (told !== undefined && page.after > told) {
      view.ledger.report("gaps", `a live session was told ${told}, then a page after ${page.after}`)
    }
    if (told === undefined || page.through.seq > told) told = page.through.seq
    return view.apply(page) ? Effect.void : catchUp(page.through.seq)
  }
  return Stream.runForEach(api.live(member.session), (event) => {
    switch (event._tag) {
      case "Welcome":
        told = event.log.head
        return catchUp(event.log.head)
      case "Entries":
        return take(event.page)
      case "Behind":
        told = event.head
        return catchUp(event.head)
      case "CursorsMoved":
      case "RosterMoved":
        return Effect.void
    }
  })
}

/** Follows the live socket until it is interrupted, connecting again after each end. */
export const followForEver = (options: ReaderOptions): Effect.Effect<never, never, Primitives> =>
  withAny(options, undefined, (api) => follow(options, api)).pipe(Effect.andThen(pause(options)), Effect.forever)
