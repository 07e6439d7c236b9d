/** Fresh stores for the contract suites: memory, an SQLite file, a schema of its own on a real PostgreSQL. */
import { NodeServices } from "@effect/platform-node"
import { Config, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { bytesToId } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { Migrations, Postgres, Server, type ServerOptions, SqliteClient } from "@tidemark/server"

/** A secret for tests; 32 bytes. */
export const testSecret = Redacted.make(new Uint8Array(32).fill(7))

type Limits = Omit<ServerOptions, "secret">

/** Everything over memory. */
export const memoryStore = (limits: Limits = {}) =>
  Server.layerMemory({ secret: testSecret, ...limits }).pipe(Layer.provideMerge(Primitives.layerWebCrypto))

/** Everything over an SQLite file in a folder that goes with the test. */
export const sqliteStore = (limits: Limits = {}) =>
  Server.layerSql({ secret: testSecret, ...limits }).pipe(
    Layer.provide(Migrations.layer()),
    Layer.provideMerge(temporarySqlite),
    Layer.provideMerge(Primitives.layerWebCrypto),
    Layer.provide(NodeServices.layer)
  )

/** An SQLite file in a folder that goes with the scope. */
export const temporarySqlite = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "tidemark-" })
    return SqliteClient.layer({ path: path.join(folder, "tidemark.sqlite") })
  })
)

const postgresUrl = Config.String("TIDEMARK_TEST_PG_URL")

/** The address of a new, empty schema on the test server; it goes with the scope. */
export const temporarySchema = Effect.gen(function* () {
  const url = yield* postgresUrl
  const primitives = yield* Primitives
  const schema = `t${bytesToId(yield* primitives.randomBytes(16))
    .toLowerCase()
    .replaceAll("-", "_")}`
  const administer = (statement: string) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.unsafe(statement)
    }).pipe(Effect.provide(Postgres.layer(Redacted.make(url))))
  yield* Effect.acquireRelease(administer(`CREATE SCHEMA ${schema}`), () =>
    Effect.orDie(administer(`DROP SCHEMA ${schema} CASCADE`))
  )
  const own = new URL(url)
  own.searchParams.set("options", `-csearch_path=${schema}`)
  return Redacted.make(own.href)
})

/** Everything over a schema of its own on a real PostgreSQL. */
export const postgresStore = (limits: Limits = {}) =>
  Layer.unwrap(Effect.map(temporarySchema, (url) => postgresProcess(url, limits))).pipe(
    Layer.provideMerge(Primitives.layerWebCrypto)
  )

/** One server process over a schema that may have others. Needs `Primitives`. */
export const postgresProcess = (
  url: Redacted.Redacted<string>,
  limits: Limits = {},
  options: Postgres.PostgresOptions = {}
) =>
  Server.layerSql({ secret: testSecret, ...limits }).pipe(
    Layer.provide(Migrations.layer()),
    Layer.provideMerge(Postgres.layer(url, options)),
    Layer.provide(NodeServices.layer)
  )
