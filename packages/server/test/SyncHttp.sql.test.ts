import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Scope } from "effect"
import { Primitives, makeProof, statementText } from "@tidemark/crypto"
import {
  bodyBytesMax,
  decodePage,
  encodeClientMessage,
  encodePush,
  entryBytesMax,
  protocolHeader,
  RosterNumber,
  Seq,
  WorkspaceId
} from "@tidemark/protocol"
import { DataFolder, ServerHttp } from "@tidemark/server"
import { makeEntries, makeEntry, makeFounder } from "@tidemark/testing/suites/internal/serverFixtures"
import jwt from "jsonwebtoken"
import net from "node:net"
import { makeClient, openSocket, startServer, testConfig } from "./httpServer.ts"
import { foundOverHttp, linkOverHttp, joinOverHttp, revokeOverHttp } from "./httpPeople.ts"

const live = <A, E>(effect: Effect.Effect<A, E, Primitives | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Primitives.layerWebCrypto))

const tagOf = (error: { readonly _tag: string }) =>
  "reason" in error ? `${error._tag} ${String(error.reason)}` : error._tag

/** A connection on which nothing is asked; resolves with the bytes that came when it has ended. */
const connectSilently = (address: string) =>
  Effect.callback<Effect.Effect<string>>((resume) => {
    const socket = net.connect(Number(new URL(address).port), "127.0.0.1")
    const ended = Promise.withResolvers<string>()
    let heard = ""
    socket.on("data", (chunk) => (heard += chunk.toString()))
    socket.on("error", () => undefined)
    socket.on("close", () => ended.resolve(heard))
    socket.on("connect", () => resume(Effect.succeed(Effect.promise(() => ended.promise))))
  })

describe("HTTP", () => {
  it.live("HTTP-8 a server that has stopped leaves no connection open, also none that never asked anything", () =>
    live(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { address } = yield* Scope.provide(startServer(yield* testConfig()), scope)
        const ended = yield* connectSilently(address)
        // The server has taken the connection when it answers on a later one.
        yield* (yield* makeClient(address)).system.hello()
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* ended, "")
      })
    )
  )

  it.live("HTTP-1 found, push, pull, link, join, renew, revoke: the whole way over a real port", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const link = yield* linkOverHttp(address, owner, "editor")
        const editor = yield* joinOverHttp(address, link, owner)
        const client = yield* makeClient(address, editor.token)
        const params = { workspace: owner.workspace }
        const pushed = yield* client.log.push({ params, payload: encodePush(makeEntries(editor.device, 1, 3)) })
        assert.strictEqual(pushed.head, 3)
        const page = yield* Effect.fromResult(
          decodePage(yield* client.log.pull({ params, query: { after: Seq.make(0) } }))
        )
        assert.deepStrictEqual([page.items.length, page.through.chain], [3, (yield* client.log.head({ params })).chain])
        const { challenge } = yield* client.entrance.challenge()
        const proof = yield* makeProof({
          secret: editor.secret,
          action: "renew",
          workspace: owner.workspace,
          challenge
        })
        assert.strictEqual(
          (yield* client.entrance.renew({ params, payload: { device: editor.device, proof } })).role,
          "editor"
        )
        yield* revokeOverHttp(address, owner, editor.device)
        const error = yield* Effect.flip(client.log.head({ params }))
        assert.strictEqual(tagOf(error), "Unauthorized revoked")
        const list = yield* (yield* makeClient(address, owner.token)).access.list({ params })
        assert.deepStrictEqual(
          list.devices.map(({ revoked }) => revoked),
          [false, true]
        )
      })
    )
  )

  it.live("HTTP-2 every bad request gets a typed error with a sentence", () =>
    live(
      Effect.gen(function* () {
        const config = yield* testConfig()
        const { address } = yield* startServer(config)
        const owner = yield* foundOverHttp(address)
        const other = yield* foundOverHttp(address)
        const reader = yield* joinOverHttp(address, yield* linkOverHttp(address, owner, "reader"), owner)
        const params = { workspace: owner.workspace }
        const headAs = (token: string, version?: string) =>
          Effect.flatMap(makeClient(address, token, version), (client) => Effect.flip(client.log.head({ params })))
        const pushAs = (token: string, payload: Uint8Array) =>
          Effect.flatMap(makeClient(address, token), (client) => Effect.flip(client.log.push({ params, payload })))
        const secret = Redacted.value(yield* DataFolder.secret(config.dataFolder))
        const claims = jwt.decode(owner.token)
        const unsigned = jwt.sign(typeof claims === "object" && claims !== null ? claims : {}, null, {
          algorithm: "none"
        })
        const [head = "", , signature = ""] = owner.token.split(".")
        const tampered = `${head}.${Buffer.from(JSON.stringify({ ...Object(claims), ws: other.workspace })).toString("base64url")}.${signature}`
        const rawSecret = jwt.sign(Object(claims), Buffer.from(secret))
        const unknown = { workspace: WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA") }
        const client = yield* makeClient(address, owner.token)
        const stranger = yield* makeFounder
        const errors = {
          "no token": yield* headAs(""),
          "alg none": yield* headAs(unsigned),
          "tampered claims": yield* headAs(tampered),
          "signed with the file's bytes": yield* headAs(rawSecret),
          "another workspace's token": yield* headAs(other.token),
          "wrong version": yield* headAs(owner.token, "99"),
          "no version": yield* headAs(owner.token, ""),
          "unknown workspace": yield* Effect.flip(client.log.head({ params: unknown })),
          "reader pushing": yield* pushAs(reader.token, encodePush([])),
          "malformed frame": yield* pushAs(owner.token, new Uint8Array([9, 9, 9])),
          "frame cut short": yield* pushAs(owner.token, encodePush(makeEntries(owner.device, 1, 1)).slice(0, -1)),
          "oversized entry": yield* pushAs(
            owner.token,
            encodePush([makeEntry({ device: owner.device, deviceSeq: 1, bytes: entryBytesMax + 1 })])
          ),
          "oversized body": yield* pushAs(owner.token, new Uint8Array(bodyBytesMax + 1)),
          "not our statement": yield* Effect.flip(
            client.access.grant({ params, payload: { statement: statementText(stranger.statement) } })
          ),
          "cursor of no log": yield* Effect.flip(client.log.pull({ params, query: { after: Seq.make(7) } }))
        }
        assert.deepStrictEqual(
          Object.fromEntries(Object.entries(errors).map(([name, error]) => [name, tagOf(error)])),
          {
            "no token": "Unauthorized missing",
            "alg none": "Unauthorized forged",
            "tampered claims": "Unauthorized forged",
            "signed with the file's bytes": "Unauthorized forged",
            "another workspace's token": "WorkspaceUnknown",
            "wrong version": "VersionUnsupported",
            "no version": "VersionUnsupported",
            "unknown workspace": "WorkspaceUnknown",
            "reader pushing": "Forbidden",
            "malformed frame": "Malformed",
            "frame cut short": "Malformed",
            "oversized entry": "Malformed",
            "oversized body": "TooLarge",
            "not our statement": "Malformed",
            "cursor of no log": "LogForked"
          }
        )
        for (const error of Object.values(errors)) assert.match(error.message, /^[A-Z].{15,}/)
      })
    )
  )

  it.live("HTTP-2 what does not fit the API gets Malformed, and a body without a length is cut off at its limit", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const headers = { [protocolHeader]: "1", authorization: `Bearer ${owner.token}` }
        const send = (path: string, init: RequestInit = {}) =>
          Effect.promise(async () => {
            const response = await fetch(`${address}${path}`, { ...init, headers: { ...headers, ...init.headers } })
            return [response.status, Reflect.get(Object(await response.json()), "_tag")]
          })
        const endless = new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (let count = 0; count < 6; count++) controller.enqueue(new Uint8Array(1_048_576))
            controller.close()
          }
        })
        const octets = { "content-type": "application/octet-stream" }
        const json = { "content-type": "application/json" }
        const base = `/v1/workspaces/${owner.workspace}`
        assert.deepStrictEqual(yield* send("/v1/workspaces/no-id/head"), [400, "Malformed"])
        assert.deepStrictEqual(yield* send(`${base}/entries?after=-1`), [400, "Malformed"])
        assert.deepStrictEqual(yield* send(`${base}/grants`, { method: "POST", body: "{}", headers: json }), [
          400,
          "Malformed"
        ])
        assert.deepStrictEqual(yield* send(`${base}/grants`, { method: "POST", body: "{", headers: json }), [
          400,
          "Malformed"
        ])
        const streamed: RequestInit & { duplex: "half" } = {
          method: "POST",
          body: endless,
          headers: octets,
          duplex: "half"
        }
        assert.deepStrictEqual(yield* send(`${base}/entries`, streamed), [413, "TooLarge"])
      })
    )
  )

  it.live("HTTP-3 the same DeviceSeq with other bytes is refused over HTTP, and the first bytes stay", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const owner = yield* foundOverHttp(address)
        const client = yield* makeClient(address, owner.token)
        const params = { workspace: owner.workspace }
        const { device } = owner
        const push = (fill: number) =>
          client.log.push({ params, payload: encodePush([makeEntry({ device, deviceSeq: 1, fill })]) })
        const first = yield* push(1)
        const second = yield* push(2)
        const result = second.results[0]
        assert.strictEqual(result?._tag === "ItemRefused" && result.reason, "deviceForked")
        assert.deepStrictEqual((yield* push(1)).results, first.results)
      })
    )
  )

  it.live("HTTP-4 no token, key, query, challenge or secret reaches the log", () =>
    live(
      Effect.gen(function* () {
        const config = yield* testConfig()
        const { address, lines } = yield* startServer(config)
        const owner = yield* foundOverHttp(address)
        const link = yield* linkOverHttp(address, owner, "editor")
        const editor = yield* joinOverHttp(address, link, owner)
        const client = yield* makeClient(address, editor.token)
        const params = { workspace: owner.workspace }
        yield* Effect.flip(client.log.push({ params, payload: new TextEncoder().encode("canary-content") }))
        yield* Effect.flip((yield* makeClient(address, "canary-token")).log.head({ params }))
        yield* client.access.roster({ params, query: { after: RosterNumber.make(0) } })
        yield* Effect.promise(() => fetch(`${address}/canary-path?token=canary-query`))
        yield* Effect.promise(() => fetch(`${address}/v1/workspaces/canary-id/head?x=canary-query`))
        const socket = yield* openSocket(address)
        yield* socket.send(
          encodeClientMessage({ _tag: "Hello", protocol: { min: 1, max: 1 }, token: "canary-live", ...params })
        )
        yield* socket.next
        const text = lines.join("\n")
        assert.match(text, /POST \/v1\/workspaces\/:id\/entries 400/)
        const secret = Buffer.from(Redacted.value(yield* DataFolder.secret(config.dataFolder)))
        for (const forbidden of [
          "canary",
          owner.token,
          editor.token,
          link.accessToken,
          secret.toString("base64url"),
          secret.toString("hex"),
          "eyJ"
        ]) {
          assert.isFalse(text.includes(forbidden), `the log holds ${forbidden}`)
        }
      })
    )
  )

  it.live("HTTP-5 a port in use is refused with a sentence, and a second process on one folder too", () =>
    live(
      Effect.gen(function* () {
        const config = yield* testConfig()
        const { address } = yield* startServer(config)
        const sameFolder = yield* Effect.flip(startServer(config))
        assert.match(ServerHttp.sentenceOf(sameFolder, config) ?? "", /Another process uses the data folder/)
        const other = { ...(yield* testConfig()), port: Number(new URL(address).port) }
        const samePort = yield* Effect.flip(startServer(other))
        assert.match(ServerHttp.sentenceOf(samePort, other) ?? "", /Something else listens on port \d+/)
      })
    )
  )

  it.live("HTTP-6 health, metrics and the OpenAPI document need no token", () =>
    live(
      Effect.gen(function* () {
        const { address } = yield* startServer(yield* testConfig())
        const get = (path: string) => Effect.promise(async () => (await fetch(`${address}${path}`)).text())
        const owner = yield* foundOverHttp(address)
        // The count is the process's, which other tests share.
        const stored = Effect.map(get("/metrics"), (text) =>
          Number(/^tidemark_entries_stored_total (\d+)/m.exec(text)?.[1] ?? 0)
        )
        const before = yield* stored
        const client = yield* makeClient(address, owner.token)
        yield* client.log.push({
          params: { workspace: owner.workspace },
          payload: encodePush(makeEntries(owner.device, 1, 2))
        })
        assert.deepStrictEqual(JSON.parse(yield* get("/health")), { status: "ok" })
        assert.strictEqual((yield* stored) - before, 2)
        assert.strictEqual(Reflect.get(JSON.parse(yield* get("/openapi.json")), "openapi"), "3.1.0")
      })
    )
  )
})
