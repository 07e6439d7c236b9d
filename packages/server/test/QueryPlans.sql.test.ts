/** Every query that the server makes while it is used, explained by the database itself. */
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import { Primitives } from "@tidemark/crypto"
import { DeviceSeq, DocId, encodePush, entryKinds, RosterNumber, Seq } from "@tidemark/protocol"
import { Health, Migrations, Postgres, PostgresFollower, Server, SyncService } from "@tidemark/server"
import { makeEntries, makeEntry } from "@tidemark/testing/suites/internal/serverFixtures"
import { asked, from, makeMember, makeOwner, prove, push, revoke } from "./people.ts"
import { type Asked, recording } from "./recordedStatements.ts"
import { temporarySchema, temporarySqlite, testSecret } from "./stores.ts"

/** One workspace, used in every way there is. */
const useEverything = Effect.gen(function* () {
  const sync = yield* SyncService
  const health = yield* Health
  yield* health.check
  const owner = yield* makeOwner
  const editor = yield* makeMember(owner, "editor")
  const reader = yield* makeMember(owner, "reader")
  yield* push(owner, 1, 70)
  yield* push(editor, 1, 3)
  yield* push(editor, 1, 3)
  const { chain, head, logId } = yield* sync.head(yield* asked(reader))
  const at = { logId, seq: head, chain }
  yield* sync.live(
    { _tag: "Hello", protocol: { min: 1, max: 1 }, token: reader.token, workspace: reader.workspace },
    { offer: () => true, close: () => undefined }
  )
  yield* sync.pull({ ...(yield* asked(reader)), after: Seq.make(0) })
  yield* sync.pull({ ...(yield* asked(reader)), after: head, logId, chain })
  const doc = DocId.make("AAAAAAAAAAAAAAAAAAAAAA")
  yield* sync.doc({ ...(yield* asked(reader)), doc, logId, after: Seq.make(0) })
  const checkpoint = makeEntry({ device: owner.device, deviceSeq: 71, kind: entryKinds.checkpoint })
  yield* sync.push({ ...(yield* asked(owner)), frame: encodePush([checkpoint]) })
  const naming = { doc, first: DeviceSeq.make(71), parts: 1, through: at }
  yield* sync.tail({ ...(yield* asked(owner)), doc })
  assert.isTrue((yield* sync.nameCheckpoint({ ...(yield* asked(owner)), naming })).named)
  const [open] = yield* sync.checkpoints(yield* asked(editor))
  const verdict = { doc, seq: open?.seq ?? head, isSound: true }
  yield* sync.judgeCheckpoint({ ...(yield* asked(editor)), verdict })
  yield* sync.pull({ ...(yield* asked(reader)), after: Seq.make(0) })
  yield* sync.doc({ ...(yield* asked(reader)), doc, logId, after: Seq.make(0) })
  yield* sync.report({ ...(yield* asked(editor)), signed: { cursor: at, signature: "A".repeat(86) } })
  yield* sync.cursors(yield* asked(reader))
  yield* sync.refill({ ...(yield* asked(editor)), done: false })
  yield* sync.refill({ ...(yield* asked(editor)), done: true })
  yield* sync.roster({ ...(yield* asked(reader)), after: RosterNumber.make(0) })
  yield* sync.list(yield* asked(owner))
  const proof = yield* prove(editor, "renew")
  yield* sync.renew({ workspace: editor.workspace, device: editor.device, proof, from })
  yield* revoke(owner, { device: editor.device })
  yield* sync.push({ ...(yield* asked(owner)), frame: encodePush(makeEntries(owner.device, 72, 1)) })
  // The follower's first look at what is watched here.
  yield* TestClock.adjust("600 millis")
})

/** Names by which a statement calls a table of ours. */
const namesOf = (text: string, tables: ReadonlyArray<string>): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const [, table = "", alias] of text.matchAll(/(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+AS\s+(\w+))?/gi)) {
    if (tables.includes(table)) names.add(alias ?? table)
  }
  return names
}

const tables = ["workspaces", "entries", "statements", "cursors", "devices_seen", "refill_leases", "checkpoints"]

/** What SQLite does that does not begin with a workspace's id, in its own words. */
const sqliteFaults = (sql: SqlClient.SqlClient, { text, values }: Asked) =>
  Effect.map(sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`, values), (plan) => {
    const names = namesOf(text, tables)
    return plan
      .map(({ detail }) => detail)
      .filter((detail) => {
        const [, , name = ""] = /^(SCAN|SEARCH) (\w+)/.exec(detail) ?? []
        const isOfDoc = /\bdoc = \?/.test(text) && ["entries", "checkpoints"].includes(name)
        return names.has(name) && !(isOfDoc ? /\(workspace=\? AND doc=\?/ : /USING .*\(workspace=\?/).test(detail)
      })
  })

interface PlanNode {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Cond"?: string
  readonly "Recheck Cond"?: string
  readonly Plans?: ReadonlyArray<PlanNode>
}

const nodesOf = (node: PlanNode): ReadonlyArray<PlanNode> => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

const postgresFaults = (sql: SqlClient.SqlClient, { text, values }: Asked) =>
  Effect.map(
    sql.unsafe<{ readonly "QUERY PLAN": ReadonlyArray<{ readonly Plan: PlanNode }> }>(
      `EXPLAIN (FORMAT JSON) ${text}`,
      values
    ),
    (rows) =>
      rows
        .flatMap((row) => row["QUERY PLAN"])
        .flatMap(({ Plan }) => nodesOf(Plan))
        .filter((node) => node["Relation Name"] !== undefined && node["Node Type"] !== "ModifyTable")
        .filter((node) => !/^\(+(\w+\.)?workspace = /.test(node["Index Cond"] ?? node["Recheck Cond"] ?? ""))
        .map((node) => `${node["Node Type"]} of ${node["Relation Name"]} by ${node["Index Cond"]}`)
  )

const checkPlans = (
  statements: ReadonlyArray<Asked>,
  faultsOf: (one: Asked) => Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>
) =>
  Effect.gen(function* () {
    const ours = statements.filter(({ text }) => namesOf(text, tables).size > 0)
    const used = new Set(ours.flatMap(({ text }) => tables.filter((table) => text.includes(table))))
    assert.deepStrictEqual([...used].toSorted(), tables.toSorted())
    assert.isAtLeast(ours.length, 20)
    for (const statement of ours)
      assert.deepStrictEqual([statement.text, yield* faultsOf(statement)], [statement.text, []])
  })

const databases = Layer.mergeAll(NodeServices.layer, Primitives.layerWebCrypto)

describe("query plans", () => {
  it.effect("DISK-10 SQLite finds every row by an index that begins with the workspace's id", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const statements = new Map<string, Asked>()
      const server = Server.layerSql({ secret: testSecret }).pipe(
        Layer.provideMerge(Health.layerSql),
        Layer.provide(Layer.succeed(SqlClient.SqlClient, recording(sql, statements)))
      )
      yield* Effect.provide(useEverything, server)
      yield* checkPlans([...statements.values()], (one) => sqliteFaults(sql, one))
      // A query that does not is found out.
      const all = { text: "SELECT seq FROM entries WHERE doc = ?", values: ["x"] }
      assert.isNotEmpty(yield* sqliteFaults(sql, all))
      for (const table of tables) {
        const indexes = yield* sql.unsafe<{ readonly name: string }>(`SELECT name FROM pragma_index_list('${table}')`)
        for (const { name } of indexes) {
          const columns = yield* sql.unsafe(`SELECT name FROM pragma_index_info('${name}') ORDER BY seqno`)
          assert.deepStrictEqual([name, columns[0]], [name, { name: "workspace" }])
        }
        assert.isNotEmpty(indexes)
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(Migrations.layer(), temporarySqlite)),
      Effect.provide(databases)
    )
  )

  it.effect("DISK-10 PostgreSQL finds every row by an index that begins with the workspace's id", () =>
    Effect.gen(function* () {
      const url = yield* temporarySchema
      yield* Effect.gen(function* () {
        const client = yield* PgClient.PgClient
        const statements = new Map<string, Asked>()
        const spy = recording(client, statements)
        const spied = Layer.succeedContext(
          Context.make(PgClient.PgClient, spy).pipe(Context.add(SqlClient.SqlClient, spy))
        )
        const server = Layer.provideMerge(PostgresFollower.layer, Server.layerSql({ secret: testSecret })).pipe(
          Layer.provideMerge(Health.layerSql),
          Layer.provide(spied)
        )
        yield* Effect.provide(useEverything, server)
        yield* checkPlans([...statements.values()], (one) => postgresFaults(client, one))
        const all = { text: "SELECT seq FROM entries WHERE doc = $1", values: ["x"] }
        assert.isNotEmpty(yield* postgresFaults(client, all))
        const indexes = yield* client<{ readonly name: string; readonly definition: string }>`
          SELECT indexname AS name, indexdef AS definition FROM pg_indexes
          WHERE schemaname = current_schema() AND ${client.in("tablename", tables)}`
        assert.isAtLeast(indexes.length, tables.length)
        for (const { definition } of indexes) assert.match(definition, /USING btree \(workspace[,)]/)
      }).pipe(Effect.provide(Layer.provideMerge(Migrations.layer(), Postgres.layer(url))))
    }).pipe(Effect.scoped, Effect.provide(databases))
  )
})
