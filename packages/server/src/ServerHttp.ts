/**
 * A whole server process: store, services, HTTP, live socket and app on one port.
 *
 * What can go wrong at the start goes wrong with a sentence (`sentenceOf`), before anything listens. Closing the layer is
 * the graceful stop: sockets are closed, the write-ahead log is folded into the database file, the lock is released.
 * Rules: docs/spec/server.md.
 */
import { NodeHttpServer, NodeServices } from "@effect/platform-node"
import { ByteSize, Effect, Layer, Option } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServer, HttpServerError } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { SqlError } from "effect/sql"
import { CryptoUnsupported, InsecureContext, Primitives } from "@tidemark/crypto"
import { bodyBytesMax } from "@tidemark/protocol"
import { createServer, type Server } from "node:http"
import * as DataFolder from "./DataFolder.ts"
import { Health } from "./Health.ts"
import * as LiveSocket from "./LiveSocket.ts"
import * as Migrations from "./Migrations.ts"
import * as Postgres from "./Postgres.ts"
import * as PostgresFollower from "./PostgresFollower.ts"
import * as RequestLog from "./RequestLog.ts"
import * as Services from "./Server.ts"
import type { ServerConfig } from "./ServerConfig.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as SyncHttp from "./SyncHttp.ts"
import * as WebApp from "./WebApp.ts"

/** How long a stopping server waits for answers that are under way. */
const stopTimeout = "1 second"
/** How long a client may take to send a whole request, and its headers, in milliseconds. */
const requestTimeout = 60_000
const headersTimeout = 15_000

/** The services over the store that the configuration names. */
const layerStore = (config: ServerConfig) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { databasePath } = yield* DataFolder.open(config.dataFolder)
      const options = { ...config, secret: yield* DataFolder.secret(config.dataFolder) }
      if (Option.isSome(config.databaseUrl)) {
        return Layer.provideMerge(PostgresFollower.layer, Services.layerSql(options)).pipe(
          Layer.provideMerge(Health.layerSql),
          Layer.provide(Migrations.layer()),
          Layer.provide(Postgres.layer(config.databaseUrl.value))
        )
      }
      yield* DataFolder.lock(config.dataFolder)
      return Services.layerSql(options).pipe(
        Layer.provideMerge(Health.layerSql),
        Layer.provide(Migrations.layer()),
        Layer.provide(SqliteClient.layer({ path: databasePath }))
      )
    })
  )

const layerApp = (webFolder: string) =>
  Layer.mergeAll(
    SyncHttp.layer,
    LiveSocket.route,
    PrometheusMetrics.layerHttp({ path: "/metrics" }),
    WebApp.layer(webFolder),
    RequestLog.layer
  )

/**
 * Ends what is still connected when requests are not answered any more. A connection that never asked anything is not idle
 * to Node, stays open, and a request on it would wait for its client's own deadline [HTTP-8].
 */
const endConnections = (server: Server) =>
  Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))

/**
 * Every route on one port. Needs the services; provides the `HttpServer`, whose address tells the port.
 *
 * The routes are made before the port opens: Node never answers a request that comes while a server listens and has no
 * routes yet, and its client would wait for its own deadline [HTTP-7].
 */
export const layerRoutes = (config: Pick<ServerConfig, "port" | "host" | "webFolder">) =>
  Layer.unwrap(
    Effect.map(HttpRouter.toHttpEffect(layerApp(config.webFolder)), (app) => {
      const server = createServer({ requestTimeout, headersTimeout })
      return Layer.effectDiscard(LiveSocket.attach(server)).pipe(
        Layer.provideMerge(HttpServer.serve(app)),
        Layer.provideMerge(endConnections(server)),
        Layer.provideMerge(
          NodeHttpServer.layerServer(() => server, {
            port: config.port,
            host: config.host,
            gracefulShutdownTimeout: stopTimeout
          })
        )
      )
    })
  ).pipe(
    Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bodyBytesMax))),
    Layer.provide(NodeHttpServer.layerHttpServices)
  )

/** Says where the server is, once it listens. */
const announce = Layer.effectDiscard(
  HttpServer.addressFormattedWith((address) => Effect.logInfo(`Tidemark is at ${address}`))
)

/** A whole process. Fails with what `sentenceOf` turns into a sentence. */
export const layer = (config: ServerConfig) =>
  announce.pipe(
    Layer.provideMerge(layerRoutes(config)),
    Layer.provide(layerStore(config)),
    Layer.provide(Primitives.layerWebCrypto),
    Layer.provide(NodeServices.layer)
  )

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown"

const portSentence = (config: ServerConfig, code: string): string => {
  const place = `port ${config.port} on ${config.host}`
  if (code === "EADDRINUSE")
    return `Something else listens on ${place} already. Stop it, or choose another with --port.`
  if (code === "EACCES") return `This user may not listen on ${place}. Choose a port above 1023 with --port.`
  return `The server cannot listen on ${place} (${code}). Check --host and --port.`
}

/** Why a server did not start, in one sentence; `undefined` for what is our own mistake. */
export const sentenceOf = (error: unknown, config: ServerConfig): string | undefined => {
  if (error instanceof HttpServerError.ServeError) return portSentence(config, codeOf(error.cause))
  if (SqlError.isSqlError(error))
    return `The database in ${config.dataFolder} cannot be opened: ${error.reason.message}`
  const isOurs =
    error instanceof DataFolder.DataFolderRefused ||
    error instanceof Postgres.DatabaseRefused ||
    error instanceof Migrations.MigrationRefused ||
    error instanceof InsecureContext ||
    error instanceof CryptoUnsupported
  return isOurs ? error.message : undefined
}
