/**
 * `npm run load -- push|idle`: the real server process under a load that costs next to nothing itself, and what it used.
 *
 *   push    devices of --workspaces push --per entries of --bytes at once, again and again, for --seconds, by --by socket|http
 *   idle    --clients sockets that say nothing, on --workspaces
 *
 *   --postgres      over a throwaway PostgreSQL instead of SQLite
 *   --no-hints      without NOTIFY to other processes, which then find everything by their poll
 *   --profile DIR   writes a CPU profile of the server there
 *
 * Entries are opaque to the server, so nothing is sealed here. One line of JSON comes out. Reads /proc: Linux only.
 */
import { Effect } from "effect"
import { Primitives } from "@tidemark/crypto"
import { parseArgs } from "node:util"
import { startPostgres } from "../chaos/PostgresProcess.ts"
import { idleLoad } from "../load/IdleLoad.ts"
import { startLoadServer } from "../load/LoadStand.ts"
import { pushLoad } from "../load/PushLoad.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    workspaces: { type: "string", default: "200" },
    clients: { type: "string", default: "1000" },
    per: { type: "string", default: "5" },
    bytes: { type: "string", default: "300" },
    seconds: { type: "string", default: "5" },
    by: { type: "string", default: "socket" },
    postgres: { type: "boolean", default: false },
    "no-hints": { type: "boolean", default: false },
    profile: { type: "string" }
  }
})

const whole = (name: "workspaces" | "clients" | "per" | "bytes" | "seconds"): number => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} takes a whole number from 1 on, not "${values[name]}".`)
  return process.exit(2)
}

const [kind] = positionals
const { by, profile } = values
if ((kind !== "push" && kind !== "idle") || (by !== "socket" && by !== "http")) {
  console.error(
    "Usage: load push|idle [--workspaces N] [--clients N] [--per N] [--bytes N] [--seconds N] [--by socket|http]"
  )
  process.exit(2)
}
const workspaces = whole("workspaces")

const load = Effect.gen(function* () {
  const databaseUrl = values.postgres ? (yield* startPostgres).url : undefined
  const nodeFlags = profile === undefined ? undefined : ["--cpu-prof", `--cpu-prof-dir=${profile}`]
  const spoil = values["no-hints"] ? "noHints" : undefined
  const server = yield* startLoadServer({ databaseUrl, nodeFlags, spoil })
  if (kind === "idle") return yield* idleLoad(server, { workspaces, clients: whole("clients") })
  return yield* pushLoad(server, {
    ...{ by, workspaces },
    ...{ entriesPerPush: whole("per"), entryBytes: whole("bytes"), seconds: whole("seconds") }
  })
})

console.log(
  JSON.stringify(await Effect.runPromise(Effect.scoped(load).pipe(Effect.provide(Primitives.layerWebCrypto))))
)
