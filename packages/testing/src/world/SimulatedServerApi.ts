/**
 * The replica's `ServerApi` over the World's network: every call is a message that waits until the World delivers it.
 *
 * Nothing here decides whether a message arrives; that is the World's part. A call that is interrupted no longer listens,
 * but what it sent goes on its way.
 */
import { Effect, Layer, Option, Queue, Result, Stream } from "effect"
import {
  decodeDocPage,
  decodePage,
  decodeRosterPage,
  decodeServerMessage,
  encodeClientMessage,
  encodePush,
  protocolRange
} from "@tidemark/protocol"
import { ServerApi, type ServerError, type Session } from "@tidemark/replica"
import { type LiveEvent, Unreachable } from "@tidemark/sync"
import type { Network } from "./Network.ts"
import type { ServerSocket, SimulatedServer } from "./SimulatedServer.ts"
import type { SimulatedProcess } from "./SimulatedProcess.ts"
import {
  type AnswerOf,
  decodeAnswer,
  encodeRequest,
  type RequestOf,
  type RouteName,
  type WireAnswer,
  type WireRequest
} from "./Wire.ts"

/** Sees what passes: the oracle's and the counters' window on the network. */
export interface Witness {
  /** A device sends a request; whether it arrives is another matter. */
  readonly sends: (device: string, wire: WireRequest) => void
  /** The server begins to work on a request. */
  readonly asks: (device: string, wire: WireRequest) => void
  /** The server gives an answer; whether it arrives is another matter. */
  readonly gives: (device: string, wire: WireRequest, answer: WireAnswer) => void
  /** An answer, given while the server's disk had this epoch, reaches a tab that still waits for it. */
  readonly answered: (device: string, tab: string, wire: WireRequest, answer: WireAnswer, epoch: number) => void
  /** The server died and will not answer. */
  readonly unanswered: (wire: WireRequest) => void
  /** The server puts a live frame on its way. */
  readonly framed: (device: string, frame: Uint8Array | string) => void
  /** The server had no room for a live frame. */
  readonly parked: (device: string) => void
}

export interface ApiOptions {
  readonly device: string
  readonly process: SimulatedProcess
  readonly network: Network
  readonly server: SimulatedServer
  readonly witness: Witness
}

/** As long as the HTTP client waits. */
const requestMillisMax = 60_000

/** Frames a socket holds on its way before the server has to wait: few, so that readers are parked now and then. */
const socketFramesMax = 2

const unreachable = () => new Unreachable({ message: "The server cannot be reached. Your edits are safe here." })

const noSession = { token: "", workspace: undefined }

export const layer = (options: ApiOptions): Layer.Layer<ServerApi> => Layer.succeed(ServerApi)(makeApi(options))

const makeApi = (options: ApiOptions): ServerApi["Service"] => {
  const call = <Name extends RouteName>(
    route: Name,
    session: Parameters<typeof encodeRequest>[1],
    request: RequestOf<Name>,
    frame?: Uint8Array
  ) => callRoute(options, route, encodeRequest(route, session, request, frame))
  const answer = <A>(effect: Effect.Effect<{ readonly answer: A }, ServerError>) =>
    Effect.map(effect, (given) => given.answer)

  return ServerApi.of({
    challenge: Effect.suspend(() => Effect.map(answer(call("challenge", noSession, {})), ({ challenge }) => challenge)),
    found: (request) => Effect.suspend(() => answer(call("found", noSession, request))),
    renew: ({ workspace, ...request }) =>
      Effect.suspend(() => answer(call("renew", { token: "", workspace }, request))),
    grant: (session, statement) => Effect.suspend(() => answer(call("grant", session, { statement }))),
    admit: (session, statement, proof) => Effect.suspend(() => answer(call("admit", session, { statement, proof }))),
    revoke: (session, statement) => Effect.suspend(() => answer(call("revoke", session, { statement }))),
    roster: (session, after) =>
      Effect.suspend(() =>
        Effect.flatMap(call("roster", session, { after }), ({ frame }) => Effect.fromResult(decodeRosterPage(frame)))
      ),
    list: (session) => Effect.suspend(() => answer(call("list", session, {}))),
    head: (session) => Effect.suspend(() => answer(call("head", session, {}))),
    push: (session, entries) => Effect.suspend(() => answer(call("push", session, {}, encodePush(entries)))),
    pull: (session, after, bytesMax) =>
      Effect.suspend(() =>
        Effect.flatMap(call("pull", session, after === undefined ? { bytesMax } : { after, bytesMax }), ({ frame }) =>
          Effect.fromResult(decodePage(frame))
        )
      ),
    doc: (session, from, bytesMax) =>
      Effect.suspend(() =>
        Effect.flatMap(call("doc", session, { ...from, bytesMax }), ({ frame }) =>
          Effect.fromResult(decodeDocPage(frame))
        )
      ),
    refill: (session, done) => Effect.suspend(() => answer(call("refill", session, { done }))),
    tail: (session, doc) => Effect.suspend(() => answer(call("tail", session, { doc }))),
    checkpoints: (session) =>
      Effect.suspend(() => Effect.map(answer(call("checkpoints", session, {})), ({ open }) => open)),
    nameCheckpoint: (session, naming) => Effect.suspend(() => answer(call("nameCheckpoint", session, naming))),
    judgeCheckpoint: (session, verdict) =>
      Effect.suspend(() => Effect.asVoid(call("judgeCheckpoint", session, verdict))),
    report: (session, signed) => Effect.suspend(() => Effect.asVoid(call("report", session, signed))),
    cursors: (session) => Effect.suspend(() => answer(call("cursors", session, {}))),
    live: (session) => liveStream(options, session)
  })
}

const callRoute = <Name extends RouteName>(
  { device, network, process, server, witness }: ApiOptions,
  route: Name,
  wire: WireRequest
): Effect.Effect<{ readonly answer: AnswerOf<Name>; readonly frame: Uint8Array }, ServerError> =>
  Effect.callback<WireAnswer, Unreachable>((resume) => {
    let isListening = !process.isDead
    if (!isListening) return undefined
    const label = `${route} #${process.random.below(1e6)} of ${process.name}`
    const settle = (outcome: Effect.Effect<WireAnswer, Unreachable>) => {
      if (!isListening) return
      isListening = false
      process.post(() => resume(outcome))
    }
    const lose = (told: boolean) => {
      if (told) settle(Effect.fail(unreachable()))
    }
    const reply = (answer: WireAnswer) => {
      const { epoch } = server
      witness.gives(device, wire, answer)
      network.send({
        kind: "answer",
        device,
        label: `answer to ${label}`,
        arrive: () => {
          if (isListening && !process.isDead) witness.answered(device, process.name, wire, answer, epoch)
          settle(Effect.succeed(answer))
        },
        lose
      })
    }
    witness.sends(device, wire)
    network.send({
      kind: "request",
      device,
      label,
      repeatable: true,
      arrive: () => {
        witness.asks(device, wire)
        const died = () => {
          witness.unanswered(wire)
          lose(process.random.chance(0.7))
        }
        server.receive(wire, reply, died)
      },
      lose
    })
    return Effect.sync(() => {
      isListening = false
    })
  }).pipe(
    Effect.timeoutOrElse({ duration: requestMillisMax, orElse: () => Effect.fail(unreachable()) }),
    Effect.flatMap((answer) => Effect.fromResult(decodeAnswer(route, answer)))
  )

/** A socket: hello up, frames down in order, until either end or the World closes it. */
const liveStream = (options: ApiOptions, session: Session): Stream.Stream<LiveEvent, ServerError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<LiveEvent, ServerError>()
      const socket = openSocket(options, session, queue)
      yield* Effect.addFinalizer(() => Effect.sync(socket.hangUp))
      return Stream.fromQueue(queue)
    })
  )

const openSocket = (
  { device, network, process, server, witness }: ApiOptions,
  { token, workspace }: Session,
  queue: Queue.Queue<LiveEvent, ServerError>
) => {
  const channel = network.newChannel()
  const label = `socket #${process.random.below(1e6)} of ${process.name}`
  let isOpen = !process.isDead
  let isFull = false
  let waiting = 0
  let far: ServerSocket | undefined

  const end = (error: ServerError) => process.run(Queue.fail(queue, error), () => undefined)
  /** Both ends lose it; the server may need a while to notice. */
  const cutOff = (error: ServerError) => {
    if (!isOpen) return
    isOpen = false
    stopListening()
    network.forgetChannel(channel)
    end(error)
    const gone = far
    if (gone !== undefined) {
      network.send({ kind: "hangUp", device, label: `end of ${label}`, arrive: gone.close, lose: gone.close })
    }
  }
  const stopListening = network.onCut((cut) => {
    if (cut === device) cutOff(unreachable())
  })
  const hear = (frame: Uint8Array | string) => {
    if (!isOpen) return
    waiting -= 1
    const event = liveEventOf(frame)
    if (Result.isFailure(event)) return cutOff(event.failure)
    if (Option.isSome(event.success)) process.run(Queue.offer(queue, event.success.value), () => undefined)
    if (isFull) {
      isFull = false
      far?.drained()
    }
  }
  const say = (frame: Uint8Array | string) => {
    waiting += 1
    witness.framed(device, frame)
    const copy = typeof frame === "string" ? frame : frame.slice()
    const what = `${typeof frame === "string" ? frame.slice(9, 20) : "page"} on ${label}`
    const lose = () => cutOff(unreachable())
    network.send({ kind: "frame", device, label: what, channel, arrive: () => hear(copy), lose })
  }
  const sink = {
    offer: (frame: Uint8Array | string) => {
      if (!isOpen) return false
      if (waiting >= socketFramesMax) {
        isFull = true
        witness.parked(device)
        return false
      }
      say(frame)
      return true
    },
    close: (goodbye: string) => (isOpen ? say(goodbye) : undefined)
  }
  if (isOpen) {
    const hello = encodeClientMessage({ _tag: "Hello", protocol: protocolRange, token, workspace })
    network.send({
      kind: "request",
      device,
      label: `hello on ${label}`,
      channel: `${channel} up`,
      arrive: () => {
        if (isOpen) far = server.openLive(hello, sink, () => cutOff(unreachable()))
      },
      lose: () => cutOff(unreachable())
    })
  }
  return { hangUp: () => cutOff(unreachable()) }
}

const liveEventOf = (frame: Uint8Array | string): Result.Result<Option.Option<LiveEvent>, ServerError> => {
  if (typeof frame !== "string") {
    return Result.map(decodePage(frame), (page) => Option.some<LiveEvent>({ _tag: "Entries", page }))
  }
  const message = decodeServerMessage(frame)
  if (Result.isFailure(message)) return Result.fail(unreachable())
  const said = message.success
  if (said._tag === "Goodbye") return Result.fail(said.error)
  // Nothing is pushed over this socket yet, so an answer to a push answers nobody.
  if (said._tag === "Pong" || said._tag === "PushAnswered" || said._tag === "PushRefused")
    return Result.succeed(Option.none())
  return Result.succeed(Option.some(said._tag === "Welcome" ? { _tag: "Welcome", log: said.log } : said))
}
