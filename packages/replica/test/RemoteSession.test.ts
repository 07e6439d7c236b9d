/** Pulling the roster from a server that lies. Rules: docs/spec/replica.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RosterNumber } from "@tidemark/protocol"
import { Primitives } from "@tidemark/crypto"
import { Remote } from "@tidemark/sync"
import { layerPartsAtHand } from "@tidemark/replica"
import { layerRemote } from "../src/RemotePort.ts"
import { RemoteSession } from "../src/RemoteSession.ts"
import { RosterServer, withLink } from "./support/rosterServer.ts"

/** The founder's view of a server that answers every roster request by `changePage`. */
const openRemote = Effect.fnUntraced(function* (
  changePage: (all: ReadonlyArray<Uint8Array>) => RosterServer["changePage"]
) {
  const { context, statements } = yield* withLink
  const server = new RosterServer(statements)
  server.changePage = changePage(statements)
  const remote = yield* Effect.provideContext(
    Remote,
    yield* Layer.build(
      layerRemote.pipe(
        Layer.provide(RemoteSession.layer),
        Layer.provide([server.layer, layerPartsAtHand]),
        Layer.provide(Layer.succeedContext(context))
      )
    )
  )
  return { remote, server, statements }
})
const run = Effect.provide(Primitives.layerWebCrypto)

describe("pulling the roster", () => {
  it.effect("REPLICA-24 goes on to the end of an honest server's roster", () =>
    Effect.gen(function* () {
      const { remote, statements } = yield* openRemote(() => (page) => page)
      assert.strictEqual(yield* remote.refreshRoster, RosterNumber.make(statements.length))
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-24 a page that was not asked for is waited out", () =>
    Effect.gen(function* () {
      const { remote, server } = yield* openRemote((all) => () => ({ after: RosterNumber.make(1), statements: all }))
      const error = yield* Effect.flip(remote.refreshRoster)
      assert.deepStrictEqual([error._tag, server.rosterPulls], ["Unreachable", 1])
    }).pipe(run, Effect.scoped)
  )

  it.effect("REPLICA-24 statements that do not follow are refused as a bad roster, and ours stays", () =>
    Effect.gen(function* () {
      const { remote, server } = yield* openRemote((all) => ({ after, statements }) => ({
        after,
        statements: after > 1 ? statements : [...statements, ...all.slice(0, 1)]
      }))
      const error = yield* Effect.flip(remote.refreshRoster)
      assert.strictEqual(error._tag === "Refused" && error.reason, "roster")
      server.changePage = (page) => page
      assert.strictEqual(yield* remote.refreshRoster, RosterNumber.make(server.statements.length))
    }).pipe(run, Effect.scoped)
  )
})
