/** What becomes of answers that no Tidemark server gives. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Socket } from "effect/socket"
import { RosterNumber, WorkspaceId } from "@tidemark/protocol"
import { ServerApi, ServerHttp } from "@tidemark/replica"

const session = { workspace: WorkspaceId.make("A".repeat(22)), token: "token" }

/** The routes of a server, or of what stands in its place, that answers everything with these bytes. */
const answering = (body: Uint8Array<ArrayBuffer>) =>
  ServerHttp.layer("http://localhost").pipe(
    Layer.provide(Socket.layerWebSocketConstructorGlobal),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(
      Layer.succeed(FetchHttpClient.Fetch, () =>
        Promise.resolve(new Response(body, { headers: { "content-type": "application/octet-stream" } }))
      )
    )
  )

describe("answers of somebody else", () => {
  for (const [what, body] of [
    ["a page of a proxy", new TextEncoder().encode("<html>Sign in to the network</html>")],
    ["a cut frame", new Uint8Array([2, 1, 0, 1, 0])],
    ["nothing", new Uint8Array(0)]
  ] as const) {
    it.effect(`REPLICA-20 ${what} where the log or the roster should be is waited out, not taken for a refusal`, () =>
      Effect.gen(function* () {
        const api = yield* ServerApi
        const pulled = yield* Effect.flip(api.pull(session, undefined, 1_000))
        const roster = yield* Effect.flip(api.roster(session, RosterNumber.make(0)))
        for (const error of [pulled, roster]) {
          assert.strictEqual(error._tag, "Unreachable")
          assert.match(error.message, /not a Tidemark server/)
        }
      }).pipe(Effect.provide(answering(body)))
    )
  }
})
