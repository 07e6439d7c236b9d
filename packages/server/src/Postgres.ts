/**
 * PostgreSQL as the store: the client, its session settings, and what is refused.
 *
 * A session that stalls inside a transaction would block a workspace, so locks, statements and idle transactions have
 * time limits, and one that the database does not answer any more is given up [DISK-9]. A server whose `fsync` is off is refused: its receipts would not mean durable [DISK-4].
 * Rules: docs/spec/server.md.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { connectAnswering } from "./internal/answeringSocket.ts"
import { decodeRows } from "./internal/sqlRows.ts"

/** Connections of one process: a few writers, readers, and two that listen, one for each channel of hints. */
const connectionCountMax = 12
/**
 * Settings of a session, PostgreSQL syntax: its limits; and no plan but index lookups. Every query of ours leads with a
 * workspace's id, and a plan that was made while a table was small is kept while it grows [DISK-10].
 */
const sessionSettings = {
  lock_timeout: "5s",
  statement_timeout: "15s",
  idle_in_transaction_session_timeout: "10s",
  synchronous_commit: "on",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off"
}
/** How long a database may say nothing to a statement, in milliseconds: more than the limits above take. */
const answerMillisMaxDefault = 20_000
/** PostgreSQL's own port. */
const portDefault = 5_432

/** The database cannot be used; the message says why and what to do. */
export class DatabaseRefused extends Schema.TaggedError<DatabaseRefused>()("DatabaseRefused", {
  message: Schema.String
}) {}

/** Where a database is, without user, password or parameters. */
const placeOf = (url: Redacted.Redacted<string>): string => {
  const { host, pathname } = new URL(Redacted.value(url))
  return `${host}${pathname}`
}

const checkUrl = (url: Redacted.Redacted<string>): Effect.Effect<void, DatabaseRefused> => {
  const text = Redacted.value(url)
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)
    ? Effect.void
    : Effect.fail(
        new DatabaseRefused({
          message: "DATABASE_URL is no PostgreSQL address. It looks like postgres://user:password@host:5432/name"
        })
      )
}

const decodeSetting = decodeRows(Schema.Struct({ fsync: Schema.String }))

const checkDurable = (client: PgClient.PgClient) =>
  Effect.flatMap(Effect.flatMap(client`SHOW fsync`, decodeSetting), ([row]) =>
    row?.fsync === "on"
      ? Effect.void
      : Effect.fail(
          new DatabaseRefused({
            message: "This PostgreSQL runs with fsync=off, so nothing it stores is durable. Turn it on."
          })
        )
  )

/** What makes the connections of an address; a socket file on this machine needs no care. */
const streamOf = (url: Redacted.Redacted<string>, answerMillisMax: number) => {
  const { hostname, port, searchParams } = new URL(Redacted.value(url))
  const host = searchParams.get("host") ?? decodeURIComponent(hostname).replace(/^\[|\]$/g, "")
  if (host.startsWith("/")) return {}
  const portNumber = Number(searchParams.get("port") ?? port)
  return { stream: () => connectAnswering(host || "localhost", portNumber || portDefault, answerMillisMax) }
}

/** Settings of the client that only a test changes. */
export interface PostgresOptions {
  /** How long the database may say nothing to a statement, in milliseconds. */
  readonly answerMillisMax?: number
}

/** The client. Fails with a sentence for a bad address, an unreachable server, a refused login. */
export const layer = (url: Redacted.Redacted<string>, options: PostgresOptions = {}) =>
  Layer.effectContext(
    Effect.gen(function* () {
      yield* checkUrl(url)
      const client = yield* PgClient.make({
        url,
        applicationName: "tidemark",
        maxConnections: connectionCountMax,
        startupParameters: sessionSettings,
        ...streamOf(url, options.answerMillisMax ?? answerMillisMaxDefault)
      })
      yield* checkDurable(client)
      return Context.make(PgClient.PgClient, client).pipe(Context.add(SqlClient.SqlClient, client))
    }).pipe(
      Effect.catchTag("SqlError", ({ reason }) =>
        Effect.fail(
          new DatabaseRefused({
            message: `The PostgreSQL at ${placeOf(url)} cannot be used (${reason._tag}): ${reason.message}`
          })
        )
      )
    )
  ).pipe(Layer.provide(Reactivity.layer))
