/** Devices say how far they have come. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { decodeServerMessage, Hash, protocolRange, Seq, type SignedCursor } from "@tidemark/protocol"
import { type Sink, SyncService } from "@tidemark/server"
import { asked, makeLink, makeMember, makeOwner, type Member, push, revoke } from "./people.ts"
import { memoryStore } from "./stores.ts"

/** Signed by nobody: the server does not look. */
const signedAt = (member: { readonly logId: SignedCursor["cursor"]["logId"] }, seq: number): SignedCursor => ({
  cursor: { logId: member.logId, seq: Seq.make(seq), chain: Hash.make("A".repeat(43)) },
  signature: "A".repeat(86)
})

const report = (member: Member, signed: SignedCursor) =>
  Effect.gen(function* () {
    yield* (yield* SyncService).report({ ...(yield* asked(member)), signed })
  })

const cursorsFor = (member: Member) =>
  Effect.gen(function* () {
    return yield* (yield* SyncService).cursors(yield* asked(member))
  })

/** A connected device; returns the hints it heard. */
const listen = (member: Member) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const sink: Sink = {
      offer: (message) => {
        const said = typeof message === "string" ? decodeServerMessage(message) : undefined
        heard.push(said?._tag === "Success" ? said.success._tag : "page")
        return true
      },
      close: () => undefined
    }
    const { token, workspace } = member
    yield* (yield* SyncService).live({ _tag: "Hello", protocol: protocolRange, token, workspace }, sink)
    return () => heard.filter((tag) => tag === "CursorsMoved").length
  })

describe("cursors", () => {
  it.effect("CURSOR-4 CURSOR-5 every member hears the last report of each device that is not revoked", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const editor = yield* makeMember(owner, "editor")
      const reader = yield* makeMember(owner, "reader")
      yield* push(editor, 1, 3)
      yield* report(editor, signedAt(owner, 2))
      yield* TestClock.adjust("2 seconds")
      yield* report(editor, signedAt(owner, 3))
      yield* report(reader, signedAt(owner, 1))
      const { cursors, head } = yield* cursorsFor(reader)
      assert.strictEqual(head, 3)
      assert.sameDeepMembers(
        [...cursors],
        [
          { device: editor.device, ...signedAt(owner, 3), at: 2_000 },
          { device: reader.device, ...signedAt(owner, 1), at: 2_000 }
        ]
      )
      yield* revoke(owner, { device: editor.device })
      assert.deepStrictEqual(
        (yield* cursorsFor(owner)).cursors.map(({ device }) => device),
        [reader.device]
      )
      const refused = yield* Effect.flip(report(editor, signedAt(owner, 3)))
      assert.strictEqual(refused._tag === "Unauthorized" && refused.reason, "revoked")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("CURSOR-4 a link reports and learns nothing, and more than one report a second is too much", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { accessToken, workspace } = yield* makeLink(owner, "editor")
      const link = yield* asked({ token: accessToken, workspace })
      const sync = yield* SyncService
      assert.strictEqual((yield* Effect.flip(sync.report({ ...link, signed: signedAt(owner, 0) })))._tag, "Forbidden")
      assert.strictEqual((yield* Effect.flip(sync.cursors(link)))._tag, "Forbidden")
      yield* report(owner, signedAt(owner, 0))
      yield* report(owner, signedAt(owner, 1))
      const tooMany = yield* Effect.flip(report(owner, signedAt(owner, 2)))
      assert.strictEqual(tooMany._tag === "RateLimited" && tooMany.retryAfterMillis, 1_000)
      assert.strictEqual((yield* cursorsFor(owner)).cursors[0]?.cursor.seq, 1)
      yield* TestClock.adjust("1 second")
      yield* report(owner, signedAt(owner, 2))
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("CURSOR-5 however many report within a second, each connected device gets one hint", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const others = yield* Effect.forEach([1, 2, 3, 4, 5], () => makeMember(owner, "editor"))
      const hints = yield* listen(owner)
      for (const member of others) yield* report(member, signedAt(owner, 0))
      const waiting = yield* Effect.forkChild(TestClock.adjust("999 millis"))
      yield* Fiber.join(waiting)
      assert.strictEqual(hints(), 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(hints(), 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(hints(), 1)
      yield* report(owner, signedAt(owner, 0))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(hints(), 2)
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )
})
