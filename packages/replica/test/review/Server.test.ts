/** Review: what a lying server, a lost answer or a large edit does to the engine. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Cursor, DeviceSeq, DocId, Hash, LogId, RosterNumber, Seq } from "@tidemark/protocol"
import { foldRoster, hashOf, type Link, makeGrant, Primitives } from "@tidemark/crypto"
import { Behind, LocalStore, LocalStoreMemory, MemoryDisk, Refused, Sealer, Unreachable } from "@tidemark/sync"
import * as EntrySealer from "../../src/EntrySealer.ts"
import { Membership } from "../../src/Membership.ts"
import { createWorkspace, joinWorkspace } from "../../src/NewWorkspace.ts"
import { ServerApi } from "../../src/ServerApi.ts"
import { deviceOne, deviceTwo, entryOf, openTab, quiet, textOf } from "../../../sync/test/device.ts"
import { idText, ServerModel } from "../../../sync/test/serverModel.ts"
import { insertTask, openTab as openWritingTab } from "../support/tabs.ts"

const start = Effect.fnUntraced(function* (
  server: ServerModel = new ServerModel(),
  disk: MemoryDisk = new MemoryDisk()
) {
  const tab = yield* openTab({ disk, server })
  return { server, disk, tab, fiber: yield* Effect.forkScoped(tab.engine.run) }
})
const cursor: Cursor = {
  logId: LogId.make("A".repeat(22)),
  seq: Seq.make(0),
  chain: Hash.make("A".repeat(43))
}
const isDefect = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)

/** A sealer of a new workspace, and what it is made of. */
const workspace = Effect.gen(function* () {
  const disk = new MemoryDisk()
  const made = yield* createWorkspace({ origin: "http://localhost", name: "w" })
  const store = LocalStoreMemory.layer(disk)
  yield* Effect.provide(made.install, store)
  const layer = EntrySealer.layer.pipe(Layer.provideMerge(Membership.layer), Layer.provide(store))
  const context = yield* Layer.build(layer)
  return { disk, made, context }
})

describe("a lying server", () => {})

describe("a large edit", () => {
  it.effect(
    "PUSH-5 an edit beyond updateBytesMax is refused, or shown as refused; it never kills the engine",
    () =>
      Effect.gen(function* () {
        const { context } = yield* workspace
        const sealer = yield* Effect.provideContext(Sealer, context)
        const disk = new MemoryDisk()
        const tab = yield* openWritingTab(disk, "one")
        const saved = yield* Effect.exit(tab.path.change([insertTask("a".repeat(68 * 1_048_576))]))
        if (Exit.isFailure(saved)) return
        const items = yield* tab.docs.collect([...disk.updates.values()])
        const exit = yield* Effect.exit(sealer.seal(items, DeviceSeq.make(1), cursor))
        assert.isFalse(isDefect(exit), String(exit).slice(0, 300))
      }).pipe(Effect.provide(Primitives.layerWebCrypto), Effect.scoped),
    { timeout: 30_000 }
  )
})

describe("joining", () => {
  it.effect("REPLICA-12 an admission whose answer was lost lets the device in all the same", () =>
    Effect.gen(function* () {
      const { context, made } = yield* workspace
      const membership = yield* Effect.provideContext(Membership, context)
      const state = yield* membership.roster
      const { device, secret } = membership.identity
      const grant = yield* makeGrant({
        state,
        secret,
        by: device,
        keyring: membership.keyring,
        role: "editor" as never,
        expiresAt: 1e12,
        uses: 1,
        at: 1
      })
      const statements = [...(yield* membership.statements), grant.bytes]
      let admits = 0
      const api = {
        challenge: Effect.succeed("A".repeat(43)),
        roster: (_session: unknown, after: number) =>
          Effect.succeed({ after: RosterNumber.make(after), statements: statements.slice(after) }),
        admit: (_session: unknown, text: string) =>
          Effect.gen(function* () {
            admits += 1
            const bytes = new Uint8Array(Buffer.from(text, "base64url"))
            if (!statements.some((one) => Buffer.from(one).equals(Buffer.from(bytes)))) {
              const next = yield* foldRoster([...statements, bytes])
              if (next.refusedAt !== undefined) return yield* next.refusedAt.error
              statements.push(bytes)
            }
            if (admits === 1) return yield* new Unreachable({ message: "The answer was lost." })
            return {}
          })
      }
      const link = {
        origin: "http://localhost",
        accessToken: "token",
        linkSecret: grant.linkSecret,
        workspace: made.workspace
      } as Link
      const join = Effect.exit(joinWorkspace({ link, name: "w" }).pipe(Effect.provideService(ServerApi, api as never)))
      const first = yield* join
      // The user opens the link again, as the message says.
      const second = Exit.isSuccess(first) ? first : yield* join
      assert.isTrue(Exit.isSuccess(second), `${String(first)} / ${String(second)}`)
    }).pipe(Effect.provide(Primitives.layerWebCrypto), Effect.scoped)
  )
})

describe("a lying server and busy loops", () => {
  it.effect("REPLICA-12 joining ends where the server's roster does not", () =>
    Effect.gen(function* () {
      const { context, made } = yield* workspace
      const membership = yield* Effect.provideContext(Membership, context)
      const statements = yield* membership.statements
      let calls = 0
      const api = {
        roster: (_session: unknown, after: number) =>
          Effect.suspend(() =>
            ++calls > 20_000 ? Effect.die("endless") : Effect.succeed({ after: RosterNumber.make(after), statements })
          )
      }
      const link = {
        origin: "http://localhost",
        accessToken: "token",
        linkSecret: new Uint8Array(32).fill(1),
        workspace: made.workspace
      }
      const exit = yield* Effect.exit(
        joinWorkspace({ link, name: "w" }).pipe(Effect.provideService(ServerApi, api as never))
      )
      assert.isFalse(isDefect(exit), String(exit))
    }).pipe(Effect.provide(Primitives.layerWebCrypto), Effect.scoped)
  )
})
