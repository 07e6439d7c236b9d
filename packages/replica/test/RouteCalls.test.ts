/** How routes are asked, and how their answers are read. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Socket } from "effect/socket"
import {
  answerBytesMax,
  DeviceId,
  DocId,
  encodePage,
  Hash,
  LogId,
  protocolHeader,
  protocolVersion,
  Seq,
  WorkspaceId
} from "@tidemark/protocol"
import { Fetch, ServerApi, ServerHttp } from "@tidemark/replica"

const id = "A".repeat(22)
const hash = Hash.make("A".repeat(43))
const session = { workspace: WorkspaceId.make(id), token: "a token" }
const head = { logId: LogId.make(id), head: Seq.make(0), chain: hash, roster: 0 }

const serving = (fetch: Fetch) =>
  ServerHttp.layer("http://localhost").pipe(
    Layer.provide(Socket.layerWebSocketConstructorGlobal),
    Layer.provide(Layer.succeed(Fetch, fetch))
  )

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status })

/** What a call fails with where every request is answered so. */
const failureOf = <E>(answer: () => Response, call: (api: ServerApi["Service"]) => Effect.Effect<unknown, E>) =>
  Effect.flatMap(ServerApi, (api) => Effect.flip(call(api))).pipe(Effect.provide(serving(async () => answer())))

const pull = (api: ServerApi["Service"]) => api.pull(session, undefined, 1_000)

describe("requests", () => {
  it.effect("REPLICA-27 carry the version, the token where the route asks for one, and what is asked", () => {
    const seen: Array<string> = []
    const fetch: Fetch = async (url, init) => {
      const headers = new Headers(init.headers)
      const told = ["authorization", "content-type", protocolHeader].map((name) => headers.get(name) ?? "")
      const body = init.body instanceof Uint8Array ? [...init.body] : init.body
      seen.push([init.method, url.slice("http://localhost/v1".length), ...told, body].join(" "))
      return new Response("")
    }
    const cursor = { logId: LogId.make(id), seq: Seq.make(7), chain: hash }
    const proof = { challenge: "c", signature: "A".repeat(86) }
    return Effect.gen(function* () {
      const api = yield* ServerApi
      yield* Effect.ignore(api.challenge)
      yield* Effect.ignore(api.renew({ workspace: session.workspace, device: DeviceId.make(id), proof }))
      yield* Effect.ignore(api.push(session, [new Uint8Array([7])]))
      yield* Effect.ignore(api.pull(session, cursor, 1_000))
      yield* Effect.ignore(pull(api))
      yield* Effect.ignore(api.tail(session, DocId.make(id)))
      const version = String(protocolVersion)
      assert.deepStrictEqual(seen, [
        `POST /challenges   ${version} `,
        `POST /workspaces/${id}/tokens  application/json ${version} ${JSON.stringify({ device: id, proof })}`,
        `POST /workspaces/${id}/entries Bearer a token application/octet-stream ${version} 1,1,0,1,0,0,0,1,7`,
        `GET /workspaces/${id}/entries?after=7&logId=${id}&chain=${hash}&bytesMax=1000 Bearer a token  ${version} `,
        `GET /workspaces/${id}/entries?after=0&bytesMax=1000 Bearer a token  ${version} `,
        `GET /workspaces/${id}/docs/${id}/tail Bearer a token  ${version} `
      ])
    }).pipe(Effect.provide(serving(fetch)))
  })

  it.effect(
    "REPLICA-27 are given up after a minute without an answer, and not before; a body that stops counts too",
    () =>
      Effect.gen(function* () {
        const endless = new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) }))
        for (const answer of [() => new Promise<Response>(() => {}), async () => endless]) {
          const asked = yield* Deferred.make<AbortSignal>()
          const fetch: Fetch = (_, { signal }) => {
            if (signal) Deferred.doneUnsafe(asked, Effect.succeed(signal))
            return answer()
          }
          const failing = yield* Effect.flatMap(ServerApi, (api) => Effect.flip(api.head(session))).pipe(
            Effect.provide(serving(fetch)),
            Effect.forkChild
          )
          const signal = yield* Deferred.await(asked)
          yield* TestClock.adjust("59 seconds")
          assert.isFalse(signal.aborted)
          yield* TestClock.adjust("1 second")
          const error = yield* Fiber.join(failing)
          assert.strictEqual(error._tag, "Unreachable")
          assert.match(error.message, /does not answer.*edits are safe/)
          assert.isTrue(signal.aborted)
        }
      })
  )

  it.effect("REPLICA-27 end when nobody waits for them", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<AbortSignal>()
      const fetch: Fetch = (_, { signal }) => {
        if (signal) Deferred.doneUnsafe(asked, Effect.succeed(signal))
        return new Promise(() => {})
      }
      const asking = yield* Effect.flatMap(ServerApi, pull).pipe(Effect.provide(serving(fetch)), Effect.forkChild)
      const signal = yield* Deferred.await(asked)
      assert.isFalse(signal.aborted)
      yield* Fiber.interrupt(asking)
      assert.isTrue(signal.aborted)
    })
  )
})

describe("answers", () => {
  it.effect("REPLICA-13 an error of the protocol is itself, at its own status", () =>
    Effect.gen(function* () {
      const forked = {
        _tag: "LogForked" as const,
        logId: LogId.make(id),
        head: Seq.make(3),
        chain: hash,
        message: "new"
      }
      const error = yield* failureOf(() => json(forked, 409), pull)
      assert.deepInclude(error, forked)
      const expired = { _tag: "Unauthorized", reason: "expired", message: "too old" } as const
      assert.deepInclude(yield* failureOf(() => json(expired, 401), pull), expired)
    })
  )

  for (const [what, answer, call] of [
    [
      "an error under another status",
      () => json({ _tag: "Forbidden", role: "reader", needed: "editor", message: "" }, 401),
      pull
    ],
    ["an error that says too little", () => json({ _tag: "Forbidden", message: "" }, 403), pull],
    ["an error that this route never gives", () => json({ _tag: "QuotaFull", bytesMax: 1, message: "" }, 507), pull],
    [
      "a refused token where none was shown",
      () => json({ _tag: "Unauthorized", reason: "revoked", message: "" }, 401),
      (api: ServerApi["Service"]) => api.challenge
    ],
    ["an answer under another status", () => json(head, 201), (api: ServerApi["Service"]) => api.head(session)],
    ["no content", () => new Response(null, { status: 204 }), (api: ServerApi["Service"]) => api.head(session)],
    [
      "a body that is cut",
      () =>
        new Response(
          new ReadableStream({
            start: (body) => {
              body.enqueue(new Uint8Array(9))
              body.error(new TypeError("cut"))
            }
          })
        ),
      pull
    ]
  ] as const) {
    it.effect(`REPLICA-20 ${what} is nobody's of the protocol`, () =>
      Effect.gen(function* () {
        const error = yield* failureOf(answer, call)
        assert.strictEqual(error._tag, "Unreachable")
        assert.strictEqual(error._tag === "Unreachable" ? error.reason : "another", "between")
      })
    )
  }

  it.effect("REPLICA-20 no network is no answer of anybody", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(ServerApi, (api) => Effect.flip(pull(api))).pipe(
        Effect.provide(serving(() => Promise.reject(new TypeError("Failed to fetch"))))
      )
      assert.strictEqual(error._tag === "Unreachable" ? error.reason : "another", undefined)
      assert.match(error.message, /cannot be reached/)
    })
  )

  it.effect("REPLICA-20 a body is read up to its limit and not beyond it", () =>
    Effect.gen(function* () {
      const text = (length: number) => JSON.stringify(head).padEnd(length)
      const api = (body: BodyInit) =>
        Effect.flatMap(ServerApi, (one) => one.head(session)).pipe(
          Effect.provide(serving(async () => new Response(body)))
        )
      assert.deepInclude(yield* api(text(answerBytesMax)), { logId: head.logId })
      const error = yield* Effect.flip(api(text(answerBytesMax + 1)))
      assert.strictEqual(error._tag === "Unreachable" ? error.reason : error._tag, "between")

      let given = 0
      let isLeft = false
      const endless = new ReadableStream({
        pull: (body) => {
          given += 65_536
          body.enqueue(new Uint8Array(65_536))
        },
        cancel: () => void (isLeft = true)
      })
      yield* Effect.flip(api(endless))
      assert.isTrue(isLeft)
      assert.isBelow(given, answerBytesMax + 4 * 65_536)
    })
  )

  it.effect("REPLICA-20 nothing of a foreign answer is read", () =>
    Effect.gen(function* () {
      let isLeft = false
      const endless = new ReadableStream({ cancel: () => void (isLeft = true) })
      const error = yield* failureOf(() => new Response(endless, { status: 405 }), pull)
      assert.match(error.message, /405/)
      assert.isTrue(isLeft)
    })
  )

  it.effect("REPLICA-20 a frame that comes in many pieces is one", () =>
    Effect.gen(function* () {
      const from = Seq.make(0)
      const page = { after: from, through: { logId: LogId.make(id), seq: from, chain: hash }, head: from, items: [] }
      const bytes = encodePage(page)
      const pieces = new ReadableStream({
        start: (body) => {
          for (const byte of bytes) body.enqueue(Uint8Array.of(byte))
          body.close()
        }
      })
      const got = yield* Effect.flatMap(ServerApi, pull).pipe(Effect.provide(serving(async () => new Response(pieces))))
      assert.deepStrictEqual(got, page)
    })
  )
})
