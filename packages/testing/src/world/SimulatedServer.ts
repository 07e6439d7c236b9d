/**
 * The one server of a World: the real service over its storage, in a process that can die between any two steps.
 *
 * What it had acknowledged is in its storage when it comes back; what it was working on is lost with it, or committed
 * without anybody hearing of it.
 */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { type ClientMessage, decodeClientMessage, encodeServerMessage, StorageFailed } from "@tidemark/protocol"
import { type LiveSession, type Sink, SyncService } from "@tidemark/server"
import type { SeededRandom } from "../SeededRandom.ts"
import type { Chronicle } from "./Chronicle.ts"
import { answerRequest } from "./ServerRoutes.ts"
import type { ServerStorage } from "./ServerStorage.ts"
import type { ClockError, Timeline } from "./SimulatedClock.ts"
import { SimulatedProcess } from "./SimulatedProcess.ts"
import { encodeFailed, type RouteName, type WireAnswer, type WireRequest } from "./Wire.ts"

/** A change of what the server says, for the control arms: a server that lies. */
export type Lie = (wire: WireRequest, answer: WireAnswer | undefined) => WireAnswer | undefined

const storingRoutes: ReadonlySet<RouteName> = new Set(["found", "grant", "admit", "revoke", "push"])

/** A device's socket as the server sees it. */
export interface ServerSocket {
  readonly drained: () => void
  /** The other end is gone, or the server found out that it is. */
  readonly close: () => void
}

export class SimulatedServer {
  readonly storage: ServerStorage
  /** How often its disk was replaced: what it said before the last time need not hold any more. */
  epoch = 0
  readonly clockError: ClockError = { millis: 0 }
  /** There is no room on its disk: it reads and stores nothing. */
  isDiskFull = false
  readonly #chronicle: Chronicle
  readonly #random: SeededRandom
  readonly #timeline: Timeline
  readonly #lie: Lie | undefined
  #life = 0
  #process: SimulatedProcess
  #scope = Scope.makeUnsafe()
  #service: SyncService["Service"] | undefined
  /** Told when the process dies: their answers will not come. */
  #deathListeners = new Set<() => void>()

  constructor(options: {
    readonly storage: ServerStorage
    readonly chronicle: Chronicle
    readonly random: SeededRandom
    readonly timeline: Timeline
    readonly lie?: Lie | undefined
  }) {
    this.storage = options.storage
    this.#chronicle = options.chronicle
    this.#random = options.random
    this.#timeline = options.timeline
    this.#lie = options.lie
    this.#process = this.#newProcess()
    this.#start()
  }

  get process(): SimulatedProcess {
    return this.#process
  }

  /** Dies where it stands and comes back from its storage. */
  restart(): void {
    this.#chronicle.note("server restarts")
    this.#chronicle.count("fault: server restart")
    this.stop()
    this.#begin()
  }

  /** Dies where it stands and comes back with another disk. */
  replaceDisk(replace: (storage: ServerStorage) => void): void {
    this.stop()
    replace(this.storage)
    this.epoch += 1
    this.#begin()
  }

  /** Ends this life. */
  stop(): void {
    this.#process.kill(Effect.void)
    this.#process.bury(Scope.close(this.#scope, Exit.void))
    this.#service = undefined
    const listeners = [...this.#deathListeners]
    this.#deathListeners.clear()
    for (const listener of listeners) listener()
  }

  /** Works on a request; `reply` hears the answer, `died` that there will be none. */
  receive(wire: WireRequest, reply: (answer: WireAnswer) => void, died: () => void): void {
    const service = this.#service
    if (service === undefined) return died()
    if (this.isDiskFull && storingRoutes.has(wire.route)) {
      this.#chronicle.count("situation: server had no room to store")
      return reply(encodeFailed(new StorageFailed({ message: "The server could not store this. Trying again." })))
    }
    const lie = this.#lieTo(wire, undefined)
    if (lie !== undefined) return reply(lie)
    const forget = this.#onDeath(died)
    this.#process.run(answerRequest(service, wire), (exit) => {
      forget()
      if (Exit.isSuccess(exit)) return reply(this.#lieTo(wire, exit.value) ?? exit.value)
      this.#chronicle.violate("broken", `the server died answering ${wire.route}: ${String(exit.cause)}`)
      return died()
    })
  }

  /** Opens a live session for a hello; what it says goes to `sink`, and `died` tells that the socket is gone. */
  openLive(hello: string, sink: Sink, died: () => void): ServerSocket {
    const service = this.#service
    const process = this.#process
    const message = helloOf(hello)
    if (service === undefined || message === undefined) {
      died()
      return { drained: () => undefined, close: () => undefined }
    }
    const scope = Scope.makeUnsafe()
    let session: LiveSession | undefined
    const forget = this.#onDeath(died)
    const opened = service.live(message, sink).pipe(
      Scope.provide(scope),
      Effect.tapError((error) => Effect.sync(() => sink.close(encodeServerMessage({ _tag: "Goodbye", error }))))
    )
    process.run(opened, (exit) => {
      if (Exit.isSuccess(exit)) session = exit.value
    })
    return {
      drained: () => {
        if (session !== undefined) process.run(Effect.sync(session.drained), () => undefined)
      },
      close: () => {
        forget()
        process.run(Scope.close(scope, Exit.void), () => undefined)
      }
    }
  }

  #lieTo(wire: WireRequest, answer: WireAnswer | undefined): WireAnswer | undefined {
    const lie = this.#lie?.(wire, answer)
    if (lie !== undefined) this.#chronicle.count(`sabotage: ${wire.route} answered with a lie`)
    return lie
  }

  #onDeath(listener: () => void): () => void {
    this.#deathListeners.add(listener)
    return () => this.#deathListeners.delete(listener)
  }

  #newProcess(): SimulatedProcess {
    this.#life += 1
    return new SimulatedProcess("server", this.#random.fork(`life ${this.#life}`), this.#timeline, this.clockError)
  }

  #begin(): void {
    this.#process = this.#newProcess()
    this.#scope = Scope.makeUnsafe()
    this.#start()
  }

  #start(): void {
    let failure: unknown
    const built = Layer.buildWithScope(this.storage.layer, this.#scope)
    this.#process.run(built, (exit) => {
      if (Exit.isSuccess(exit)) this.#service = Context.get(exit.value, SyncService)
      else failure = exit.cause
    })
    while (!this.#process.isIdle) this.#process.step()
    if (this.#service === undefined) throw new Error(`the World's server does not start: ${String(failure)}`)
  }
}

const helloOf = (text: string): Extract<ClientMessage, { readonly _tag: "Hello" }> | undefined => {
  const message = decodeClientMessage(text)
  return message._tag === "Success" && message.success._tag === "Hello" ? message.success : undefined
}
