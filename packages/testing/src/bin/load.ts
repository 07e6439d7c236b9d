/** scratch */
import { Effect } from "effect"
import { Primitives } from "@tidemark/crypto"
import { parseArgs } from "node:util"
import { startPostgres } from "../chaos/PostgresProcess.ts"
import { startLoadServer } from "../load/LoadStand.ts"
import { idleLoad } from "../load/IdleLoad.ts"
import { pushLoad } from "../load/PushLoad.ts"
const { values, positionals } = parseArgs({ allowPositionals: true, options: { by: { type: "string", default: "socket" }, clients: { type: "string", default: "1000" }, n: { type: "string", default: "200" }, per: { type: "string", default: "5" }, bytes: { type: "string", default: "300" }, seconds: { type: "string", default: "5" }, pg: { type: "boolean", default: false }, prof: { type: "string" }, flag: { type: "string" } } })
await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
  const databaseUrl = values.pg ? (yield* startPostgres).url : undefined
  const server = yield* startLoadServer({ databaseUrl, nodeFlags: values.flag ? values.flag.split(" ") : values.prof ? ["--cpu-prof", "--cpu-prof-dir=" + values.prof] : undefined })
  const figures = positionals[0] === "idle" ? yield* idleLoad(server, { workspaces: 100, clients: Number(values.clients) }) : yield* pushLoad(server, { by: values.by as "http", workspaces: Number(values.n), entriesPerPush: Number(values.per), entryBytes: Number(values.bytes), seconds: Number(values.seconds) })
  console.log(JSON.stringify(figures), server.use())
})).pipe(Effect.provide(Primitives.layerWebCrypto)))
