/**
 * A live session, whatever carries it: hello, then everything that commits, in order.
 *
 * The transport brings a `Sink` with a bound of its own; this module decides what is said. A reader whose sink is full is
 * parked: nothing is buffered for it, and when there is room again it hears `Behind` and pulls [FAN-4]. A device that
 * is revoked hears `Goodbye` as soon as the roster says so [FAN-6]. Rules: docs/spec/server.md.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import {
  type CallerShape,
  type ClientMessage,
  decodeLivePush,
  encodePushAnswered,
  encodeServerMessage,
  type GoodbyeError,
  type LivePush,
  type LivePushError,
  type Malformed,
  negotiateVersion,
  protocolRange,
  type PushAnswer,
  RateLimited,
  RosterNumber,
  Seq,
  type ServerMessage,
  socketsPerDeviceMax,
  Unauthorized,
  VersionUnsupported,
  type WorkspaceId
} from "@tidemark/protocol"
import { Callers, deviceRole, requireDevice, requireWorkspace } from "./Callers.ts"
import { FanOut, type Subscriber } from "./FanOut.ts"
import { Log } from "./Log.ts"
import { Roster } from "./RosterStore.ts"

/** Where a session's messages go. Neither method waits for anything. */
export interface Sink {
  /** Hands over a text message or a page frame. `false`: no room, it was not taken. */
  readonly offer: (message: string | Uint8Array) => boolean
  /** Says goodbye (if there is room) and closes. */
  readonly close: (goodbye: string) => void
}

/** An open session. */
export interface LiveSession {
  readonly caller: CallerShape
  /** A text message from the client after its hello. */
  readonly hear: (message: ClientMessage) => void
  /**
   * A live push. Ends when its answer was handed over, which may be after the sink has room again. Fails with
   * `Malformed` for bytes that are none; there is no number then to answer to.
   */
  readonly push: (message: Uint8Array) => Effect.Effect<void, Malformed>
  /** The sink has room again. */
  readonly drained: () => void
}

type Goodbye = typeof GoodbyeError.Type
type Hello = Extract<ClientMessage, { readonly _tag: "Hello" }>

export class Live extends Context.Service<
  Live,
  {
    /** Opens a session until the scope closes; the first message offered to the sink is `Welcome`. */
    readonly open: (hello: Hello, sink: Sink) => Effect.Effect<LiveSession, Goodbye, Scope.Scope>
  }
>()("@tidemark/server/Live") {
  static readonly layer = Layer.suspend(() => Layer.effect(Live, makeLive))
}

/** The text of a goodbye. */
export const goodbyeText = (error: Goodbye): string => encodeServerMessage({ _tag: "Goodbye", error })

const admitsOnly = () =>
  new Unauthorized({
    reason: "unknown",
    message: "A link's token can only let a device in; connect with a device's token"
  })

/** The sessions of one device in this process, counted. */
const makeSessionCounts = () => {
  const counts = new Map<string, number>()
  const add = (key: string, by: number) => {
    const count = (counts.get(key) ?? 0) + by
    if (count > 0) counts.set(key, count)
    else counts.delete(key)
  }
  const take = (key: string): Effect.Effect<void, RateLimited, Scope.Scope> =>
    Effect.suspend(() => {
      if ((counts.get(key) ?? 0) >= socketsPerDeviceMax) {
        const message = `A device holds at most ${socketsPerDeviceMax} live connections`
        return Effect.fail(new RateLimited({ retryAfterMillis: 5_000, message }))
      }
      add(key, 1)
      return Effect.addFinalizer(() => Effect.sync(() => add(key, -1)))
    })
  return take
}

/** The failures of a live push that are answered with its number; `Malformed` is one where its entries cannot be read. */
type PushFailure = typeof LivePushError.Type

const makeLive = Effect.gen(function* () {
  const callers = yield* Callers
  const fanOut = yield* FanOut
  const log = yield* Log
  const roster = yield* Roster
  const takeSession = makeSessionCounts()

  /** A session's way to push: the same checks as over HTTP, without a token to verify and a request to parse. */
  const pushOf = (caller: CallerShape, answer: (text: string) => Effect.Effect<void>) => {
    const { workspace } = caller
    const append = ({ entries }: LivePush): Effect.Effect<PushAnswer, PushFailure> =>
      Effect.flatMap(Effect.andThen(callers.countRequest(caller), requireDevice(caller, "editor")), (device) =>
        log.append(workspace, device, entries)
      )
    return (message: Uint8Array): Effect.Effect<void, Malformed> =>
      Effect.flatMap(Effect.fromResult(decodeLivePush(message)), (push) =>
        Effect.matchEffect(append(push), {
          onSuccess: (answered) => answer(encodePushAnswered(push.request, answered)),
          onFailure: (error) => answer(encodeServerMessage({ _tag: "PushRefused", request: push.request, error }))
        })
      )
  }

  const makeSubscriber = (workspace: WorkspaceId, device: Subscriber["device"], sink: Sink) => {
    // Parked until welcomed: what commits meanwhile is only remembered by its Seq.
    let isParked = true
    let missedHead: Seq | undefined
    let missedRoster: RosterNumber | undefined
    let hasEnded = false
    /** Answers to pushes that found no room, and whom to tell when they have gone. */
    const unsaid: Array<{ readonly text: string; readonly said: () => void }> = []

    const offer = (message: ServerMessage) => sink.offer(encodeServerMessage(message))
    const park = (head: Seq) => {
      isParked = true
      missedHead = Seq.make(Math.max(missedHead ?? 0, head))
    }
    const missRoster = (number: RosterNumber) => {
      isParked = true
      missedRoster = RosterNumber.make(Math.max(missedRoster ?? 0, number))
    }

    const drained = (): void => {
      for (let first = unsaid[0]; first !== undefined; first = unsaid[0]) {
        if (!sink.offer(first.text)) return
        unsaid.shift()
        first.said()
      }
      // Each is taken before it is offered: what is missed while the offer runs must not be forgotten with it.
      while (missedRoster !== undefined || missedHead !== undefined) {
        const [number, head] = [missedRoster, missedHead]
        missedRoster = undefined
        missedHead = undefined
        if (number !== undefined && !offer({ _tag: "RosterMoved", number })) {
          if (head !== undefined) park(head)
          return missRoster(number)
        }
        if (head !== undefined && !offer({ _tag: "Behind", head })) return park(head)
      }
      isParked = false
    }

    /** Nobody is there to be answered any more, and nobody waits for it. */
    const end = Effect.sync(() => {
      hasEnded = true
      for (const { said } of unsaid.splice(0)) said()
    })

    /** Says something that may not be lost while the session lasts; ends when it is said. */
    const answer = (text: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (hasEnded || (unsaid.length === 0 && sink.offer(text))) return Effect.void
        return Effect.callback<void>((resume) => {
          unsaid.push({ text, said: () => resume(Effect.void) })
        })
      })

    /** Ends the session of a device that the roster no longer has. */
    const checkRevoked = (number: RosterNumber) =>
      Effect.flatMap(roster.stateAt(workspace, number), (state) => deviceRole(state, device)).pipe(
        Effect.catchTag("Unauthorized", (error) => Effect.sync(() => sink.close(goodbyeText(error)))),
        // The roster cannot be read now; the next move or the next request asks again.
        Effect.catch(() => Effect.void)
      )

    const subscriber: Subscriber = {
      device,
      frame: (frame, through) => {
        if (isParked || !sink.offer(frame)) park(through)
      },
      behind: (head) => {
        if (isParked || !offer({ _tag: "Behind", head })) park(head)
      },
      // One that is missed is made up for by the next, or by the device's own asking.
      cursorsMoved: () => {
        if (!isParked) offer({ _tag: "CursorsMoved" })
      },
      rosterMoved: (number) =>
        Effect.suspend(() => {
          if (isParked || !offer({ _tag: "RosterMoved", number })) missRoster(number)
          return checkRevoked(number)
        })
    }
    return { subscriber, drained, offer, answer, end, checkRevoked }
  }

  const open = Effect.fn("Live.open")(function* (hello: Hello, sink: Sink) {
    const version = negotiateVersion(protocolRange, hello.protocol)
    if (version === undefined) {
      const message = `This server speaks versions ${protocolRange.min} to ${protocolRange.max}; update the app`
      return yield* new VersionUnsupported({ ...protocolRange, message })
    }
    const caller = yield* callers.authenticate(hello.token)
    yield* requireWorkspace(caller, hello.workspace)
    const { workspace } = caller
    if (caller.subject._tag === "Grant") return yield* admitsOnly()
    const { device } = caller.subject
    yield* takeSession(`${workspace}/${device}`)
    const { answer, checkRevoked, drained, end, offer, subscriber } = makeSubscriber(workspace, device, sink)
    yield* Effect.addFinalizer(() => end)
    yield* fanOut.subscribe(workspace, subscriber)
    const head = yield* log.head(workspace, device)
    yield* fanOut.start(workspace, { logId: head.logId, seq: head.head, chain: head.chain }, head.roster)
    offer({ _tag: "Welcome", protocol: version, log: head })
    drained()
    // Revoked between the check above and the subscription: nobody else would tell this session.
    yield* checkRevoked(head.roster)
    return {
      caller,
      drained,
      hear: (message: ClientMessage) => {
        if (message._tag === "Ping") offer({ _tag: "Pong" })
      },
      push: pushOf(caller, answer)
    }
  })

  return { open }
})
