/** A real listening server on a free loopback port, with a real client and a real WebSocket. */
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Logger, Option, Queue, Result } from "effect"
import { FetchHttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import {
  Authorization,
  decodePage,
  decodeServerMessage,
  encodeClientMessage,
  Negotiation,
  protocolHeader,
  type ServerMessage,
  SyncApi
} from "@tidemark/protocol"
import { type ServerConfig, ServerHttp } from "@tidemark/server"

/** Settings of a test server: a free port, its own folder, the rest as given. */
export const testConfig = (settings: Partial<ServerConfig> = {}) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "tidemark-" })
    const config: ServerConfig = {
      port: 0,
      host: "127.0.0.1",
      dataFolder: `${folder}/data`,
      webFolder: `${folder}/web`,
      workspaceBytesMax: 1_000_000_000,
      requestsPerSecondMax: 10_000,
      databaseUrl: Option.none(),
      ...settings
    }
    return config
  }).pipe(Effect.provide(NodeServices.layer))

/** Starts a server for the scope; gives its address and everything it logs. */
export const startServer = (config: ServerConfig) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))])
    const context = yield* Layer.build(ServerHttp.layer(config).pipe(Layer.provide(logger)))
    const address = yield* HttpServer.addressFormattedWith((url) => Effect.succeed(url)).pipe(Effect.provide(context))
    return { address, lines }
  })

/** The typed client of the API with a token and a protocol version of one's own choice. */
export const makeClient = (address: string, token = "", version = "1") =>
  HttpApiClient.make(SyncApi, { baseUrl: address }).pipe(
    Effect.provide([
      HttpApiMiddleware.layerClient(Authorization, ({ next, request }) =>
        next(token === "" ? request : HttpClientRequest.bearerToken(request, token))
      ),
      HttpApiMiddleware.layerClient(Negotiation, ({ next, request }) =>
        next(HttpClientRequest.setHeader(request, protocolHeader, version))
      ),
      FetchHttpClient.layer
    ])
  )

/** What comes over a live socket; `Closed` is its end. */
export type Heard =
  | ServerMessage
  | { readonly _tag: "Page"; readonly after: number; readonly through: number }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Unreadable" }

const readHeard = (event: unknown): Heard => {
  if (typeof event === "string") {
    const message = decodeServerMessage(event)
    return Result.isSuccess(message) ? message.success : { _tag: "Unreadable" }
  }
  const page = event instanceof ArrayBuffer ? decodePage(new Uint8Array(event)) : undefined
  return page !== undefined && Result.isSuccess(page)
    ? { _tag: "Page", after: page.success.after, through: page.success.through.seq }
    : { _tag: "Unreadable" }
}

/** A live socket of the platform: what it hears, in order, and a way to say something. */
export const openSocket = (address: string) =>
  Effect.gen(function* () {
    const heard = yield* Queue.unbounded<Heard>()
    const socket = yield* Effect.acquireRelease(
      Effect.callback<WebSocket, Error>((resume) => {
        const opened = new WebSocket(`${address.replace("http", "ws")}/v1/live`)
        opened.binaryType = "arraybuffer"
        opened.addEventListener("message", ({ data }) => Queue.offerUnsafe(heard, readHeard(data)))
        opened.addEventListener("close", () => Queue.offerUnsafe(heard, { _tag: "Closed" }))
        opened.addEventListener("open", () => resume(Effect.succeed(opened)))
        opened.addEventListener("error", () => resume(Effect.fail(new Error("the socket did not open"))))
      }),
      (opened) => Effect.sync(() => opened.close())
    )
    const send = (text: string | Uint8Array<ArrayBuffer>) => Effect.sync(() => socket.send(text))
    const hello = (member: { readonly token: string; readonly workspace: Hello["workspace"] }) =>
      send(
        encodeClientMessage({
          _tag: "Hello",
          protocol: { min: 1, max: 1 },
          token: member.token,
          workspace: member.workspace
        })
      )
    return { next: Queue.take(heard), send, hello }
  })

type Hello = Extract<Parameters<typeof encodeClientMessage>[0], { readonly _tag: "Hello" }>
