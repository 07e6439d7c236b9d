/** Faults of earlier engines, each as a user or an attacker would meet it. Rules: docs/spec/regressions.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { protocolHeader, protocolVersion } from "@tidemark/protocol"
import {
  createOn,
  dataFolder,
  joinBy,
  linkFor,
  openDevice,
  reaches,
  startServer,
  until
} from "../../packages/replica/test/support/network.ts"
import { insertTask, none, rowsOf } from "../../packages/replica/test/support/tabs.ts"

const titles = (disk: Parameters<typeof rowsOf>[0]) => rowsOf(disk, "tasks").map((row) => row["title"])
const isEntryPush = (url: string, init: RequestInit) => init.method === "POST" && url.endsWith("/entries")
const version = { [protocolHeader]: String(protocolVersion) }
const ErrorTag = Schema.Struct({ _tag: Schema.String })

/** A request as anybody on the network can make it: status, and the tag of the error. */
const ask = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const answer = await fetch(url, { ...init, headers: { ...version, ...init.headers } })
    const body: unknown = await answer.json()
    return [answer.status, Schema.decodeUnknownSync(ErrorTag)(body)._tag] as const
  })

/** Every route of a workspace that asks for a token. */
const guardedRoutes: ReadonlyArray<readonly [method: string, path: string]> = [
  ["POST", "grants"],
  ["POST", "admissions"],
  ["POST", "revocations"],
  ["GET", "statements?after=0"],
  ["GET", "access"],
  ["GET", "head"],
  ["POST", "entries"],
  ["GET", "entries?after=0"]
]

describe("original faults", () => {
  it.live("REGRESSION-1 an entry changed on its way is kept apart by others, and sent again by its author", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      let tampered = 0
      const owner = yield* openDevice(yield* createOn(origin), (url, init) => {
        if (!isEntryPush(url, init) || !(init.body instanceof Uint8Array) || tampered++ > 0) return undefined
        const body = Uint8Array.from(init.body)
        body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1
        return { ...init, body }
      })
      yield* owner.replica.change([insertTask("whole")])
      yield* reaches(owner, "Synced")
      yield* until(owner.disk, ({ sealed, unsealed }) => sealed.size + unsealed.size === 0)
      const guest = yield* openDevice(yield* joinBy(yield* linkFor(owner, "editor")))
      yield* until(guest.disk, (disk) => titles(disk).length === 1)
      assert.deepStrictEqual(titles(guest.disk), ["whole"])
      const held = yield* guest.replica.held
      assert.deepStrictEqual(
        held.map(({ kind }) => kind),
        ["refused"]
      )
      assert.isAtLeast(tampered, 2)
    })
  )

  it.live("REGRESSION-2 without a token every route of a workspace is closed", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      const owner = yield* openDevice(yield* createOn(origin))
      yield* reaches(owner, "Synced")
      const { workspace } = yield* owner.replica.identity
      for (const [method, path] of guardedRoutes) {
        const answer = yield* ask(`${origin}/v1/workspaces/${workspace}/${path}`, { method })
        assert.deepStrictEqual(answer, [401, "Unauthorized"], `${method} ${path}`)
      }
    })
  )

  it.live("REGRESSION-3 a reader's edit stays on its device, and a token opens its own workspace only", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      const owner = yield* openDevice(yield* createOn(origin))
      const other = yield* openDevice(yield* createOn(origin))
      yield* reaches(owner, "Synced")
      yield* reaches(other, "Synced")
      let token = ""
      const reader = yield* openDevice(yield* joinBy(yield* linkFor(owner, "reader")), (_url, init) => {
        token = new Headers(init.headers).get("authorization") ?? token
      })
      yield* reaches(reader, "Synced")
      yield* reader.replica.change([insertTask("a reader wrote this")])
      const stalled = yield* reaches(reader, "Stalled")
      assert.strictEqual(stalled.pending + stalled.refused, 1)
      const { workspace } = yield* other.replica.identity
      for (const [method, path] of guardedRoutes.filter(([verb]) => verb === "GET")) {
        const headers = { authorization: token }
        const answer = yield* ask(`${origin}/v1/workspaces/${workspace}/${path}`, { method, headers })
        assert.deepStrictEqual(answer, [404, "WorkspaceUnknown"], `${method} ${path}`)
      }
      assert.deepStrictEqual(titles(owner.disk), [])
    })
  )

  it.live("REGRESSION-5 tokens and link secrets are in no log line and in no address", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const origin = yield* startServer(yield* dataFolder, 0, log)
      const secrets: Array<string> = []
      const addresses: Array<string> = []
      const watch = (url: string, init: RequestInit) => {
        addresses.push(url)
        const token = new Headers(init.headers).get("authorization")?.replace("Bearer ", "")
        if (token !== undefined) secrets.push(token)
      }
      const owner = yield* openDevice(yield* createOn(origin), watch)
      yield* reaches(owner, "Synced")
      const link = yield* linkFor(owner, "editor")
      const guest = yield* openDevice(yield* joinBy(link), watch)
      yield* guest.replica.change([insertTask("typed by the guest")])
      yield* until(owner.disk, (disk) => titles(disk).length === 1)
      secrets.push(link.split("#")[1] ?? link, ...link.split("."), "typed by the guest")
      const written = [...log, ...addresses].join("\n")
      assert.isAbove(log.length, 5)
      for (const secret of secrets.filter(({ length }) => length > 12)) assert.notInclude(written, secret)
    })
  )

  it.live("REGRESSION-4 one edit of a large document sends a few hundred bytes", () =>
    Effect.gen(function* () {
      const origin = yield* startServer(yield* dataFolder)
      const pushed: Array<number> = []
      const disk = yield* createOn(origin)
      const owner = yield* openDevice(disk, (url, init) => {
        if (init.method === "POST" && url.endsWith("/entries") && init.body instanceof Uint8Array)
          pushed.push(init.body.length)
      })
      const many = Array.from({ length: 1_500 }, (_, index) => insertTask(`task number ${index} with a long title`))
      const {
        ids: [id = none]
      } = yield* owner.replica.change(many)
      yield* until(disk, ({ sealed, unsealed }) => sealed.size + unsealed.size === 0)
      yield* reaches(owner, "Synced")
      const large = pushed.reduce((sum, bytes) => sum + bytes, 0)
      assert.isAbove(large, 20_000)
      pushed.length = 0
      yield* owner.replica.change([{ _tag: "Update", table: "tasks", id, values: { done: true } }])
      yield* until(disk, ({ sealed, unsealed }) => sealed.size + unsealed.size === 0)
      assert.strictEqual(pushed.length, 1)
      assert.isBelow(pushed[0] ?? Infinity, 600)
      const guest = yield* openDevice(yield* joinBy(yield* linkFor(owner, "reader")))
      yield* until(guest.disk, (there) => rowsOf(there, "tasks").length === 1_500)
      assert.deepStrictEqual(
        rowsOf(guest.disk, "tasks")
          .filter((row) => row["done"] === 1)
          .map((row) => row["id"]),
        [id]
      )
    })
  )
})
