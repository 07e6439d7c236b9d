/**
 * The live session over a WebSocket at `/v1/live`.
 *
 * The token comes in the first message, never in the address. What one socket may hold back is bounded by the connection's
 * own send buffer: where that is full, nothing more is taken and the session parks [FAN-4]. A socket that says nothing is
 * closed after its deadline. Rules: docs/spec/server.md.
 */
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Deferred, Effect, Metric, Queue, Result } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import {
  type ClientMessage,
  decodeClientMessage,
  liveBufferedBytesMax,
  livePingMillis,
  liveTextBytesMax,
  Malformed,
  type GoodbyeError,
  Unauthorized
} from "@tidemark/protocol"
import { goodbyeText, type Sink } from "./Live.ts"
import { liveSockets } from "./Metrics.ts"
import { SyncService } from "./SyncService.ts"

/** How long a new socket may take to say hello. */
const helloDeadline = "5 seconds"
/** A client pings every `livePingMillis`; one that missed three is gone. */
const silenceMillisMax = livePingMillis * 3 + 5_000
/** How long a closing client may take before its connection is cut. */
const closeDeadline = "500 millis"
/** Close code for every goodbye; the reason is in the message before. */
const goodbyeCode = 1_008

type Goodbye = typeof GoodbyeError.Type

/** The options of the WebSocket server: no compression (bombs), no large messages. */
export const webSocketOptions = { maxPayload: liveTextBytesMax, perMessageDeflate: false } as const

const readMessage = (frame: string | Uint8Array): Effect.Effect<ClientMessage, Malformed> => {
  const message = typeof frame === "string" ? decodeClientMessage(frame) : undefined
  return message !== undefined && Result.isSuccess(message)
    ? Effect.succeed(message.success)
    : Effect.fail(new Malformed({ what: "live message", message: "This is no message of the live socket" }))
}

/** The session of one upgraded request. */
const session = Effect.gen(function* () {
  const sync = yield* SyncService
  const request = yield* HttpServerRequest.HttpServerRequest
  const connection = NodeHttpServerRequest.toIncomingMessage(request).socket
  const socket = yield* request.upgrade
  const { pull } = yield* socket.reader
  const { write } = yield* socket.writer
  const closing = yield* Deferred.make<void>()

  const sink: Sink = {
    offer: (message) =>
      Effect.suspend(() => {
        // Only a connection that waits to drain can be too full: its `drain` then tells when there is room.
        const isFull = connection.writableNeedDrain && connection.writableLength + message.length > liveBufferedBytesMax
        return isFull ? Effect.succeed(false) : Effect.as(write(message), true)
      }).pipe(Effect.catch(() => Effect.succeed(false))),
    close: (goodbye) =>
      write(goodbye).pipe(
        Effect.andThen(write(new Socket.CloseEvent(goodbyeCode))),
        Effect.ignore,
        Effect.andThen(Deferred.succeed(closing, undefined)),
        Effect.asVoid
      )
  }
  const sayGoodbye = (error: Goodbye) => sink.close(goodbyeText(error))

  const frames = yield* Queue.unbounded<string | Uint8Array>()
  /** The next message; `pull` waits only while none is left, and the socket itself is paused meanwhile. */
  const next = Effect.gen(function* () {
    if (Queue.sizeUnsafe(frames) === 0) yield* Queue.offerAll(frames, yield* pull)
    return yield* readMessage(yield* Queue.take(frames))
  })

  const missingHello = () =>
    new Unauthorized({ reason: "missing", message: "The first message of a live socket is Hello" })

  const conversation = Effect.gen(function* () {
    const hello = yield* Effect.timeoutOrElse(next, {
      duration: helloDeadline,
      orElse: () => Effect.fail(missingHello())
    })
    if (hello._tag !== "Hello") return yield* missingHello()
    const live = yield* sync.live(hello, sink)
    const drains = yield* Queue.sliding<void>(1)
    const onDrain = () => void Queue.offerUnsafe(drains, undefined)
    yield* Effect.acquireRelease(
      Effect.sync(() => connection.on("drain", onDrain)),
      () => Effect.sync(() => connection.off("drain", onDrain))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(drains), live.drained)))
    const heard = Effect.flatMap(Effect.timeout(next, silenceMillisMax), live.hear)
    return yield* Effect.forever(heard)
  }).pipe(
    Effect.catchTag(["SocketError", "TimeoutError"], () => Effect.void),
    Effect.catch(sayGoodbye)
  )

  yield* Effect.raceFirst(conversation, Deferred.await(closing))
  // A client that does not answer the close is cut off; it could otherwise hold its session open.
  yield* Effect.ignore(Effect.timeout(Effect.forever(pull), closeDeadline))
  yield* Effect.sync(() => connection.destroy())
})

/** The route. A request that is no upgrade is told what to do. */
export const route = HttpRouter.add(
  "GET",
  "/v1/live",
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    if (headers["upgrade"]?.toLowerCase() !== "websocket") {
      return HttpServerResponse.text("This address speaks WebSocket only", { status: 426 })
    }
    yield* Effect.acquireUseRelease(
      Metric.modify(liveSockets, 1),
      () => Effect.scoped(session),
      () => Metric.modify(liveSockets, -1)
    ).pipe(Effect.catchTag(["SocketError", "HttpServerError"], () => Effect.void))
    return HttpServerResponse.empty()
  })
)
