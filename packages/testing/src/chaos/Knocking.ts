/** Clients that knock at a port without pause, from before a server listens there. Rules: docs/spec/chaos.md. */
import { Deferred, Effect, Fiber } from "effect"
import { connect, type Socket } from "node:net"
import { pauseFor } from "./internal/wallClock.ts"

/** Clients that knock at once; each waits this many milliseconds between two connections. */
const knockerCount = 4
const pauseMillis = 1

const request = "GET /v1/hello HTTP/1.1\r\nHost: localhost\r\nTidemark-Protocol: 1\r\nConnection: close\r\n\r\n"

/** Settles when a connection is made, or refused. */
const connectOnce = (port: number) =>
  Effect.callback<Socket | undefined>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resume(Effect.succeed(socket)))
    socket.on("error", () => resume(Effect.succeed(undefined)))
    return Effect.sync(() => socket.destroy())
  })

/** Asks, and settles with whether an answer came before the end of the connection. No deadline. */
const ask = (socket: Socket) =>
  Effect.callback<boolean>((resume) => {
    socket.once("data", () => resume(Effect.succeed(true)))
    socket.once("close", () => resume(Effect.succeed(false)))
    socket.write(request)
    return Effect.sync(() => socket.destroy())
  })

/** Knocks for the scope: every connection that is made asks once. A refused connection is no question. */
export const startKnocking = Effect.fnUntraced(function* (port: number) {
  const questions: Array<Fiber.Fiber<boolean>> = []
  const first = yield* Deferred.make<void>()
  const knock = Effect.gen(function* () {
    const socket = yield* connectOnce(port)
    if (socket !== undefined) {
      questions.push(yield* Effect.forkDetach(ask(socket)))
      yield* Deferred.succeed(first, undefined)
    }
    yield* pauseFor(pauseMillis)
  })
  const knockers = yield* Effect.forEach(Array.from({ length: knockerCount }), () =>
    Effect.forkScoped(Effect.forever(knock))
  )
  yield* Effect.addFinalizer(() => Fiber.interruptAll(questions))
  /** Stops knocking once somebody was let in, waits until nothing asked is open, and tells how much was asked and answered. */
  const finish = Effect.gen(function* () {
    yield* Deferred.await(first)
    yield* Fiber.interruptAll(knockers)
    const answers = yield* Fiber.joinAll(questions)
    return { asked: answers.length, answered: answers.filter(Boolean).length }
  })
  return { finish }
})
