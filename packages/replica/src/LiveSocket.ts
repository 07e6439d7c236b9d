/**
 * The live socket of a server: what it tells, as a stream, and pushes over it while it is open.
 *
 * A push goes over the socket that was welcomed last for its workspace and device, where it fits in one message; otherwise, and where the
 * socket ends before the answer came, over HTTP: the server knows a repeat, by whichever way [PUSH-2, REPLICA-25].
 * Source: docs/wire.md.
 */
import { Deferred, Duration, Effect, Option, Queue, Result, type Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import {
  decodePage,
  decodeServerMessage,
  encodeClientMessage,
  encodeLivePush,
  livePingMillis,
  livePongMillisMax,
  livePushBytesMax,
  protocolRange,
  type PushAnswer
} from "@tidemark/protocol"
import { type LiveEvent, Unreachable } from "@tidemark/sync"
import { foreignAnswer, safe } from "./internal/foreignAnswer.ts"
import type { ServerError, Session } from "./ServerApi.ts"

export interface LiveSocket {
  /** Hello, then whatever the server sends, with a ping after each silence; ends with an error when the socket does. */
  readonly events: (session: Session) => Stream.Stream<LiveEvent, ServerError>
  /** Pushes over the open socket where there is one, by `otherwise` where there is none. */
  readonly push: (
    session: Session,
    entries: ReadonlyArray<Uint8Array>,
    otherwise: Effect.Effect<PushAnswer, ServerError>
  ) => Effect.Effect<PushAnswer, ServerError>
}

/** An open socket, and the pushes that wait for its answers. */
interface Line {
  readonly workspace: Session["workspace"]
  /** Who said hello: the server takes every push on this socket for that device's. */
  readonly device: Session["device"]
  readonly write: (message: Uint8Array) => Effect.Effect<void, Socket.SocketError>
  readonly waiting: Map<number, Waiting>
}

type Waiting = Deferred.Deferred<PushAnswer, ServerError | LineEnded>

/** The socket ended, or was given up, before the answer came. */
class LineEnded {
  readonly _tag = "LineEnded"
}

/** The numbers of pushes have 32 bits. */
const requestsMax = 2 ** 32

export const makeLiveSocket = Effect.fnUntraced(function* (
  address: string
): Effect.fn.Return<LiveSocket, never, Socket.WebSocketConstructor> {
  const socket = yield* Socket.makeWebSocket(address)
  let line: Line | undefined
  let lastRequest = 0

  const giveUp = (one: Line): void => {
    if (line === one) line = undefined
  }

  const pushOver = (one: Line, message: Uint8Array, request: number) =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<PushAnswer, ServerError | LineEnded>()
      one.waiting.set(request, answer)
      // A write to a socket that is gone would wait for the next one.
      return yield* Effect.raceFirst(Deferred.await(answer), Effect.andThen(one.write(message), Effect.never))
    }).pipe(
      Effect.ensuring(Effect.sync(() => one.waiting.delete(request))),
      // Whoever stops waiting has waited in vain: the next push takes the other way.
      Effect.onInterrupt(() => Effect.sync(() => giveUp(one)))
    )

  return {
    events: (session) =>
      Stream.callback((queue) =>
        Effect.gen(function* () {
          const { reading, ...one } = yield* openLine(socket, session)
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              giveUp(one)
              for (const waiting of one.waiting.values()) settle(waiting, Effect.fail(new LineEnded()))
            })
          )
          for (;;) {
            for (const frame of yield* reading) {
              const event = yield* met(frame, one)
              if (event?._tag === "Welcome") line = one
              if (event !== undefined) Queue.offerUnsafe(queue, event)
            }
          }
        }).pipe(Effect.catchTag("SocketError", () => Effect.fail(socketClosed())))
      ),
    push: (session, entries, otherwise) =>
      Effect.suspend(() => {
        const one = line
        if (one === undefined || !isOf(one, session)) return otherwise
        const request = (lastRequest + 1) % requestsMax
        const message = encodeLivePush({ request, entries })
        if (message.length > livePushBytesMax) return otherwise
        lastRequest = request
        return pushOver(one, message, request).pipe(
          Effect.catchTag(["LineEnded", "SocketError"], () => {
            giveUp(one)
            return otherwise
          })
        )
      })
  }
})

/** A store that became another device has a socket of its old one until that ends. */
const isOf = (one: Line, { device, workspace }: Session): boolean =>
  one.workspace === workspace && one.device !== undefined && one.device === device

const socketClosed = () => new Unreachable({ message: `The live connection to the server ended. ${safe}` })

/** Nobody waits for the answer to a push that was given up. */
const settle = (waiting: Waiting | undefined, outcome: Effect.Effect<PushAnswer, ServerError | LineEnded>): void => {
  if (waiting !== undefined) Deferred.doneUnsafe(waiting, outcome)
}

type Frames = ReadonlyArray<Uint8Array | string>

/** Opens a socket for the scope and says hello. `reading` gives the next frames. */
const openLine = Effect.fnUntraced(function* (
  socket: Socket.Socket,
  { device, token, workspace }: Session
): Effect.fn.Return<Line & { readonly reading: Effect.Effect<Frames, Unreachable> }, Socket.SocketError, Scope.Scope> {
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  yield* writer.write(encodeClientMessage({ _tag: "Hello", protocol: protocolRange, token, workspace }))
  const closed = () => Effect.fail(socketClosed())
  const pull = Effect.catchTag(reader.pull, "SocketError", closed)
  const ping = Effect.catchTag(writer.write(encodeClientMessage({ _tag: "Ping" })), "SocketError", closed)
  const answered = Effect.timeoutOption(pull, Duration.millis(livePongMillisMax)).pipe(
    Effect.flatMap(Option.match({ onNone: closed, onSome: Effect.succeed }))
  )
  const reading = Effect.timeoutOption(pull, Duration.millis(livePingMillis)).pipe(
    Effect.flatMap(Option.match({ onNone: () => Effect.andThen(ping, answered), onSome: Effect.succeed }))
  )
  return { workspace, device, write: writer.write, waiting: new Map(), reading }
})

/** What one frame tells; an answer to a push goes to who waits for it, a pong tells nothing, a goodbye is the error in it. */
const met = (frame: Uint8Array | string, { waiting }: Line): Effect.Effect<LiveEvent | undefined, ServerError> => {
  if (typeof frame !== "string") {
    const page = decodePage(frame)
    return Result.isSuccess(page)
      ? Effect.succeed({ _tag: "Entries", page: page.success })
      : Effect.fail(foreignAnswer())
  }
  const message = decodeServerMessage(frame)
  if (Result.isFailure(message)) return Effect.fail(foreignAnswer())
  const said = message.success
  switch (said._tag) {
    case "PushAnswered":
      settle(waiting.get(said.request), Effect.succeed(said.answer))
      return Effect.undefined
    case "PushRefused":
      settle(waiting.get(said.request), Effect.fail(said.error))
      return Effect.undefined
    case "Pong":
      return Effect.undefined
    case "Goodbye":
      return Effect.fail(said.error)
    case "Welcome":
      return Effect.succeed({ _tag: "Welcome", log: said.log })
    case "Behind":
    case "CursorsMoved":
    case "RosterMoved":
      return Effect.succeed(said)
  }
}
