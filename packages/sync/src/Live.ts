/**
 * The live socket: pages that continue our cursor are stored at once; anything else is reported as a gap and pulled.
 *
 * What came while a page was being stored is met together: pages among it that follow each other are stored as one. Rules:
 * docs/spec/live.md.
 */
import { Deferred, Effect, Stream } from "effect"
import type { Seq } from "@tidemark/protocol"
import { withDeadline } from "./internal/failures.ts"
import { joinPages } from "./internal/joinPages.ts"
import type { CursorReports } from "./CursorReports.ts"
import type { Hello } from "./Hello.ts"
import type { Pull, PullError } from "./Pull.ts"
import { type LiveEvent, Remote } from "./Remote.ts"
import { Unreachable } from "./SyncErrors.ts"
import type { SyncEvent } from "./SyncEvent.ts"

/** What the socket reports to the machine. */
export type LiveReport = Extract<SyncEvent, { readonly _tag: "LiveOpened" | "LiveGap" | "PageStored" }>

export interface Live {
  /** Opens a socket and follows it until it ends. Fails with `Unreachable` where no welcome comes in time. */
  readonly follow: (report: (event: LiveReport) => Effect.Effect<void>) => Effect.Effect<void, PullError>
}

export const makeLive = Effect.fnUntraced(function* (
  hello: Hello,
  pull: Pull,
  reports: CursorReports
): Effect.fn.Return<Live, never, Remote> {
  const remote = yield* Remote

  const meet = Effect.fnUntraced(function* (event: LiveEvent): Effect.fn.Return<LiveReport | undefined, PullError> {
    switch (event._tag) {
      case "Welcome":
        return { _tag: "LiveOpened", ...(yield* hello.welcome(event.log)) }
      case "Entries": {
        const page = yield* pull.applyLive(event.page)
        if (page._tag === "Gap") return gap(page.head)
        const { head, settled, through } = page
        return { _tag: "PageStored", through, head, settled }
      }
      case "Behind":
        return gap(event.head)
      case "RosterMoved":
        // A number that the list does not reach would be asked for again with every such word.
        if ((yield* hello.followRoster(event.number)) < event.number) return yield* unkeptRoster()
        return undefined
      case "CursorsMoved":
        yield* reports.hinted
        return undefined
    }
  })

  const follow = Effect.fnUntraced(function* (report: (event: LiveReport) => Effect.Effect<void>) {
    const welcomed = yield* Deferred.make<void>()
    const meetAll = Effect.fnUntraced(function* (events: ReadonlyArray<LiveEvent>) {
      for (const { event, from } of joinPages(events)) {
        if (event._tag === "Welcome") yield* Deferred.succeed(welcomed, undefined)
        const met = yield* meet(event)
        // One page that does not fit keeps none of those before it from being stored.
        if (met?._tag === "LiveGap" && from.length > 1) yield* meetEach(from)
        else if (met !== undefined) yield* report(met)
      }
    })
    const meetEach = Effect.fnUntraced(function* (events: ReadonlyArray<LiveEvent>) {
      for (const event of events) {
        const met = yield* meet(event)
        if (met !== undefined) yield* report(met)
      }
    })
    const reading = remote.live.pipe(Stream.runForEachArray(meetAll))
    const impatience = Effect.andThen(withDeadline(Deferred.await(welcomed)), Effect.never)
    yield* Effect.raceFirst(reading, impatience)
  })

  return { follow }
})

const unkeptRoster = () =>
  new Unreachable({
    message: "The server told of a change in the list of members that it does not hand out. Trying again."
  })

const gap = (head: Seq): LiveReport => ({ _tag: "LiveGap", head })
