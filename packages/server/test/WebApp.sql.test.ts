import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { startServer, testConfig } from "./httpServer.ts"

const servedApp = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const config = yield* testConfig()
  yield* fs.makeDirectory(`${config.webFolder}/assets`, { recursive: true })
  yield* fs.writeFileString(`${config.webFolder}/index.html`, "<!doctype html>app")
  yield* fs.writeFileString(`${config.webFolder}/sw.js`, "worker")
  yield* fs.writeFileString(`${config.webFolder}/assets/loro-1a2b.wasm`, "plain wasm")
  yield* fs.writeFileString(`${config.webFolder}/assets/loro-1a2b.wasm.gz`, "packed wasm")
  yield* fs.writeFileString(`${config.webFolder}/../outside.txt`, "outside")
  return yield* startServer(config)
}).pipe(Effect.provide(NodeServices.layer))

const get = (address: string, path: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${address}${path}`, { headers: { "accept-encoding": "identity", ...headers } })
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

describe("web app", () => {
  it.live("WEB-1 files have their type, hashed ones are cached for ever, app routes get index.html", () =>
    Effect.gen(function* () {
      const { address } = yield* servedApp
      const summary = (path: string) =>
        Effect.map(get(address, path), ({ headers, status, text }) => [
          status,
          headers.get("content-type"),
          headers.get("cache-control"),
          text
        ])
      const page = [200, "text/html; charset=utf-8", "no-cache", "<!doctype html>app"]
      assert.deepStrictEqual(yield* summary("/"), page)
      assert.deepStrictEqual(yield* summary("/join"), page)
      assert.deepStrictEqual(yield* summary("/tasks/today?x=1"), page)
      assert.deepStrictEqual(yield* summary("/sw.js"), [200, "text/javascript; charset=utf-8", "no-cache", "worker"])
      assert.deepStrictEqual(yield* summary("/assets/loro-1a2b.wasm"), [
        200,
        "application/wasm",
        "public, max-age=31536000, immutable",
        "plain wasm"
      ])
      assert.strictEqual((yield* summary("/assets/missing-9.js"))[0], 404)
      assert.strictEqual((yield* summary("/v1/nothing"))[0], 404)
    }).pipe(Effect.scoped)
  )

  it.live("WEB-1 a precompressed file is sent as it is, under its own type", () =>
    Effect.gen(function* () {
      const { address } = yield* servedApp
      // fetch would unpack it, and these bytes are not really gzip.
      const { headers, text } = yield* Effect.promise(async () => {
        const { request } = await import("node:http")
        return new Promise<{ headers: Record<string, unknown>; text: string }>((resolve) => {
          request(`${address}/assets/loro-1a2b.wasm`, { headers: { "accept-encoding": "gzip" } }, (response) => {
            let body = ""
            response.on("data", (chunk) => (body += String(chunk)))
            response.on("end", () => resolve({ headers: response.headers, text: body }))
          }).end()
        })
      })
      assert.deepStrictEqual(
        [headers["content-encoding"], headers["content-type"], text],
        ["gzip", "application/wasm", "packed wasm"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("WEB-2 nothing outside the folder is served", () =>
    Effect.gen(function* () {
      const { address } = yield* servedApp
      for (const path of [
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/assets/..%2f..%2foutside.txt",
        "/.env",
        "/%00",
        "/%"
      ]) {
        const { status, text } = yield* get(address, path)
        assert.deepStrictEqual([path, status, text.includes("outside")], [path, 404, false])
      }
    }).pipe(Effect.scoped)
  )

  it.live("WEB-3 the page may run its own code only, sends no referrer and is not framed", () =>
    Effect.gen(function* () {
      const { address } = yield* servedApp
      const { headers } = yield* get(address, "/")
      const policy = headers.get("content-security-policy") ?? ""
      assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'(;|$)/)
      assert.match(policy, /worker-src 'self'.*frame-ancestors 'none'/)
      assert.deepStrictEqual(
        ["referrer-policy", "x-content-type-options", "cross-origin-opener-policy"].map((name) => headers.get(name)),
        ["no-referrer", "nosniff", "same-origin"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("WEB-4 a server without a built app says so in the page and in the log", () =>
    Effect.gen(function* () {
      const { address, lines } = yield* startServer(yield* testConfig())
      const { status, text } = yield* get(address, "/")
      assert.deepStrictEqual([status, text.includes("The app is not built yet")], [503, true])
      assert.match(lines.join("\n"), /holds no built app/)
    }).pipe(Effect.scoped)
  )
})
