/**
 * The live session over a WebSocket at `/v1/live`.
 *
 * The token comes in the first message, never in the address. What one socket may hold back is bounded by the connection's
 * own send buffer: where that is full, nothing more is taken and the session parks [FAN-4]. A socket that says nothing is
 * closed after its deadline. An idle connection has no fiber, no timer and no request of its own: what it costs is what
 * keeps it open. Rules: docs/spec/server.md.
 */
import { NodeWS } from "@effect/platform-node"
import { Cause, Clock, Effect, Exit, Fiber, Metric, Result, Schedule, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import {
  type ClientMessage,
  decodeClientMessage,
  type GoodbyeError,
  livePingMillis,
  livePushBytesMax,
  livePushesUnansweredMax,
  liveBufferedBytesMax,
  liveTextBytesMax,
  Malformed,
  Unauthorized
} from "@tidemark/protocol"
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import { sharedMessage } from "./internal/sharedMessage.ts"
import { goodbyeText, type LiveSession, type Sink } from "./Live.ts"
import { liveSockets, requestsAnswered } from "./Metrics.ts"
import { SyncService } from "./SyncService.ts"

/** How long a new socket may take to say hello, in milliseconds. */
const helloMillisMax = 5_000
/** A client pings every `livePingMillis`; one that missed three is gone. */
const silenceMillisMax = livePingMillis * 3 + 5_000
/** How often sockets are looked at for the two above. */
const lookInterval = "1 second"
/** How long a closing client may take before its connection is cut. */
const closeDeadline = "500 millis"
/** How long a stopping server waits for the answers to pushes. */
const answerDeadline = "1 second"
/** Close codes: a goodbye, whose reason is in the message before; a server that goes away. */
const goodbyeCode = 1_008
const goingAwayCode = 1_001

type Goodbye = typeof GoodbyeError.Type

/** No compression (bombs), no large messages; we keep our own list of sockets. */
const webSocketOptions = {
  noServer: true,
  clientTracking: false,
  maxPayload: livePushBytesMax,
  perMessageDeflate: false
} as const

/** A socket and how far it has come. */
interface Connection {
  readonly socket: NodeWS.WebSocket
  /** The TCP or TLS connection under it. */
  readonly stream: Duplex
  /** `Hello` is being looked at; what is said meanwhile waits. */
  backlog: Array<{ readonly data: Buffer; readonly isBinary: boolean }> | undefined
  session: LiveSession | undefined
  scope: Scope.Closeable | undefined
  /** When it said something last, and in the beginning when it came; milliseconds by a clock that nobody sets. */
  heardAt: number
  unanswered: number
  isClosing: boolean
}

const malformed = () => new Malformed({ what: "live message", message: "This is no message of the live socket" })
const missingHello = () =>
  new Unauthorized({ reason: "missing", message: "The first message of a live socket is Hello" })

/** A text message; `undefined` for what is none. */
const readText = (data: Buffer, isBinary: boolean): ClientMessage | undefined => {
  if (isBinary || data.length > liveTextBytesMax) return undefined
  const message = decodeClientMessage(data.toString())
  return Result.isSuccess(message) ? message.success : undefined
}

/** What a device is sent of one commit, its page and the answers to its pushes, goes out in one write. */
const gather = (stream: Duplex): void => {
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/** What carries a session's messages; `false` where the connection waits to drain and has no room left. */
const sinkOf = (connection: Connection, goodbye: (text: string) => void): Sink => {
  const { socket, stream } = connection
  return {
    offer: (message) => {
      if (socket.readyState !== socket.OPEN) return false
      // Only a connection that waits to drain can be too full: its `drain` then tells when there is room.
      const isFull = stream.writableNeedDrain && stream.writableLength + message.length > liveBufferedBytesMax
      if (isFull) return false
      if (connection.unanswered > 0) gather(stream)
      if (typeof message === "string") socket.send(message)
      // Whole frames, one after the other, as the library writes them itself without compression.
      else stream.write(sharedMessage(message))
      return true
    },
    close: goodbye
  }
}

/** Takes every upgrade of this server from now until the scope closes; the server must be listening. */
export const attach = Effect.fnUntraced(function* (server: Server) {
  const sync = yield* SyncService
  const services = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const nowMillis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const fork = Effect.runForkWith(services)
  const connections = new Set<Connection>()
  const running = new Set<Fiber.Fiber<unknown, unknown>>()
  const webSockets = new NodeWS.WebSocketServer(webSocketOptions)

  /** Runs something for a connection; a defect in it ends that connection. */
  const run = (connection: Connection, effect: Effect.Effect<unknown>) => {
    const fiber = fork(
      Effect.catchCause(effect, (cause) =>
        Effect.andThen(
          Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("live socket: a session broke", cause),
          Effect.sync(() => connection.socket.terminate())
        )
      )
    )
    if (fiber.pollUnsafe() !== undefined) return
    running.add(fiber)
    fiber.addObserver(() => running.delete(fiber))
  }

  /** Leaves the session; the socket may have to be closed yet. */
  const leave = (connection: Connection) => {
    const { scope } = connection
    connection.isClosing = true
    connection.session = undefined
    connection.scope = undefined
    connection.backlog = undefined
    if (scope !== undefined) run(connection, Scope.close(scope, Exit.void))
  }

  /** A client that does not answer the close is cut off; it could otherwise hold its connection open. */
  const close = (connection: Connection, code: number) => {
    leave(connection)
    connection.socket.close(code)
    run(
      connection,
      Effect.andThen(
        Effect.sleep(closeDeadline),
        Effect.sync(() => connection.socket.terminate())
      )
    )
  }

  const sayGoodbye = (connection: Connection, text: string) => {
    if (connection.isClosing) return
    connection.socket.send(text)
    close(connection, goodbyeCode)
  }
  const refuse = (connection: Connection, error: Goodbye) => sayGoodbye(connection, goodbyeText(error))

  const push = (connection: Connection, session: LiveSession, data: Uint8Array) => {
    connection.unanswered += 1
    if (connection.unanswered === livePushesUnansweredMax) connection.socket.pause()
    const answered = Effect.sync(() => {
      connection.unanswered -= 1
      if (connection.unanswered === livePushesUnansweredMax - 1) connection.socket.resume()
    })
    run(
      connection,
      session.push(data).pipe(
        Effect.catch((error) => Effect.sync(() => refuse(connection, error))),
        Effect.andThen(answered)
      )
    )
  }

  const hear = (connection: Connection, data: Buffer, isBinary: boolean): void => {
    const { backlog, isClosing, session } = connection
    if (isClosing) return
    connection.heardAt = nowMillis()
    if (backlog !== undefined) return void backlog.push({ data, isBinary })
    if (session !== undefined && isBinary) return push(connection, session, data)
    const message = readText(data, isBinary)
    if (message === undefined) return refuse(connection, malformed())
    if (session !== undefined) return session.hear(message)
    return message._tag === "Hello" ? greet(connection, message) : refuse(connection, missingHello())
  }

  const greet = (connection: Connection, hello: Extract<ClientMessage, { readonly _tag: "Hello" }>) => {
    const scope = Scope.makeUnsafe()
    connection.scope = scope
    connection.backlog = []
    // What comes meanwhile stays with its sender, but for what was read already.
    connection.socket.pause()
    const sink = sinkOf(connection, (text) => sayGoodbye(connection, text))
    const opened = (session: LiveSession) =>
      Effect.sync(() => {
        const { backlog = [] } = connection
        if (connection.isClosing) return
        connection.socket.resume()
        connection.session = session
        connection.backlog = undefined
        for (const { data, isBinary } of backlog) hear(connection, data, isBinary)
      })
    const opening = Effect.uninterruptible(Scope.provide(sync.live(hello, sink), scope))
    run(
      connection,
      Effect.matchEffect(opening, {
        onSuccess: opened,
        onFailure: (error) =>
          Effect.sync(() => {
            connection.socket.resume()
            refuse(connection, error)
          })
      })
    )
  }

  const begin = (socket: NodeWS.WebSocket, stream: Duplex) => {
    const connection: Connection = {
      socket,
      stream,
      backlog: undefined,
      session: undefined,
      scope: undefined,
      heardAt: nowMillis(),
      unanswered: 0,
      isClosing: false
    }
    connections.add(connection)
    fork(Metric.modify(liveSockets, 1))
    socket.on("message", (data, isBinary) => {
      if (Buffer.isBuffer(data)) hear(connection, data, isBinary)
    })
    // The library closes a socket that breaks the protocol; what it says of it is of no use here.
    socket.on("error", () => undefined)
    socket.on("close", () => {
      connections.delete(connection)
      fork(Metric.modify(liveSockets, -1))
      leave(connection)
    })
    stream.on("drain", () => connection.session?.drained())
  }

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (request.url?.split("?")[0] !== "/v1/live" || request.headers.upgrade?.toLowerCase() !== "websocket") {
      stream.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      return
    }
    fork(
      Effect.andThen(
        Metric.update(Metric.withAttributes(requestsAnswered, { status: "1xx" }), 1),
        Effect.logInfo("GET /v1/live 101 0 ms")
      )
    )
    webSockets.handleUpgrade(request, stream, head, (socket) => begin(socket, stream))
  }

  const look = Effect.sync(() => {
    const now = nowMillis()
    for (const connection of connections) {
      const silentMillis = now - connection.heardAt
      if (connection.isClosing) continue
      if (connection.scope === undefined && silentMillis > helloMillisMax) refuse(connection, missingHello())
      else if (silentMillis > silenceMillisMax) close(connection, goingAwayCode)
    }
  })

  /** Nothing more is heard, what was pushed is answered, and everybody is told to come back. */
  const stop = Effect.gen(function* () {
    server.off("upgrade", upgrade)
    for (const { socket } of connections) socket.pause()
    yield* Effect.ignore(Effect.timeout(Fiber.awaitAll(running), answerDeadline))
    for (const connection of connections) {
      connection.socket.resume()
      close(connection, goingAwayCode)
    }
    yield* Effect.ignore(Effect.timeout(Fiber.awaitAll(running), answerDeadline))
    yield* Fiber.interruptAll(running)
  })

  // The router's own upgrades keep a request, its fiber and its services alive for as long as the socket is open.
  server.removeAllListeners("upgrade")
  server.on("upgrade", upgrade)
  yield* Effect.addFinalizer(() => stop)
  yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(lookInterval)))
})

/** The route of a request that is no upgrade: it is told what to do. */
export const route = HttpRouter.add(
  "GET",
  "/v1/live",
  HttpServerResponse.text("This address speaks WebSocket only", { status: 426 })
)
