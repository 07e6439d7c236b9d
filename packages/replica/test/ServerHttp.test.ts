/** What becomes of answers that no Tidemark server gives. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Socket } from "effect/socket"
import { RosterNumber, WorkspaceId } from "@tidemark/protocol"
import { Fetch, ServerApi, ServerHttp } from "@tidemark/replica"

const session = { workspace: WorkspaceId.make("A".repeat(22)), token: "token" }

interface Answer {
  readonly body: Uint8Array<ArrayBuffer>
  readonly status?: number
  readonly type?: string
}

/** The routes of a server, or of what stands in its place, that answers everything so. */
const answering = ({ body, status = 200, type = "application/octet-stream" }: Answer) =>
  ServerHttp.layer("http://localhost").pipe(
    Layer.provide(Socket.layerWebSocketConstructorGlobal),
    Layer.provide(
      Layer.succeed(Fetch, () => Promise.resolve(new Response(body, { status, headers: { "content-type": type } })))
    )
  )

const text = (words: string) => new TextEncoder().encode(words)
const page = text("<html>Sign in to the network</html>")

/** One of every way to ask: frames and JSON, to read and to write. */
const failures = Effect.gen(function* () {
  const api = yield* ServerApi
  return yield* Effect.all([
    Effect.flip(api.pull(session, undefined, 1_000)),
    Effect.flip(api.roster(session, RosterNumber.make(0))),
    Effect.flip(api.push(session, [])),
    Effect.flip(api.head(session)),
    Effect.flip(api.challenge)
  ])
})

describe("answers of somebody else", () => {
  for (const [what, answer, reason, says] of [
    ["a page of a proxy", { body: page }, "between", /in its place/],
    ["such a page as HTML", { body: page, type: "text/html" }, "between", /in its place/],
    ["a cut frame", { body: new Uint8Array([2, 1, 0, 1, 0]) }, "between", /in its place/],
    ["nothing", { body: new Uint8Array(0) }, "between", /in its place/],
    ["a proxy that forbids it", { body: page, type: "text/html", status: 403 }, "between", /in its place \(403\)/],
    [
      "a proxy that forbids it in JSON",
      { body: text(`{"message":"no"}`), type: "application/json", status: 403 },
      "between",
      /refused/
    ],
    ["a sign-in page", { body: page, type: "text/html", status: 511 }, "between", /in its place \(511\)/],
    ["a proxy's limit of sizes", { body: page, type: "text/html", status: 413 }, "sizeBetween", /too large.*413/],
    [
      "such a limit in JSON",
      { body: text(`{"message":"Too Long"}`), type: "application/json", status: 413 },
      "sizeBetween",
      /too large.*413/
    ],
    [
      "a gateway without its server",
      { body: page, type: "text/html", status: 502 },
      undefined,
      /cannot be reached.*502/
    ],
    [
      "a gateway that waited in vain",
      { body: text("timeout"), type: "text/plain", status: 504 },
      undefined,
      /cannot be reached.*504/
    ]
  ] as const) {
    it.effect(`REPLICA-20 ${what} is waited out under its own cause, not taken for a refusal`, () =>
      Effect.gen(function* () {
        for (const error of yield* failures) {
          assert.strictEqual(error._tag, "Unreachable")
          assert.strictEqual(error._tag === "Unreachable" ? error.reason : "another", reason)
          assert.match(error.message, says)
          assert.match(error.message, /edits are safe/)
        }
      }).pipe(Effect.provide(answering(answer)))
    )
  }
})
