import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import {
  type ClientMessage,
  decodePage,
  decodeServerMessage,
  encodeLivePush,
  Seq,
  socketsPerDeviceMax
} from "@tidemark/protocol"
import { FanOut, Log, type Sink, SyncService } from "@tidemark/server"
import { makeEntries } from "@tidemark/testing/suites/internal/serverFixtures"
import { makeLink, makeMember, makeOwner, type Member, push, revoke } from "./people.ts"
import { memoryStore } from "./stores.ts"

/** What a session said, in short: the tag of a message, or the Seqs of a page. */
const said = (message: string | Uint8Array): string => {
  if (typeof message !== "string") {
    const page = decodePage(message)
    return Result.isSuccess(page) ? `page ${page.success.items.map(({ seq }) => seq).join()}` : "no page"
  }
  const read = decodeServerMessage(message)
  if (Result.isFailure(read)) return "no message"
  const { success } = read
  if (success._tag === "Behind") return `Behind ${success.head}`
  if (success._tag === "PushRefused") return `PushRefused ${success.request} ${success.error._tag}`
  if (success._tag === "RosterMoved") return `RosterMoved ${success.number}`
  return success._tag === "Goodbye" ? `Goodbye ${success.error._tag}` : success._tag
}

/** A sink that takes `room` messages. */
const makeSink = (room = Number.MAX_SAFE_INTEGER) => {
  const heard: Array<string> = []
  const messages: Array<string | Uint8Array> = []
  const state = { room, isClosed: false }
  const sink: Sink = {
    offer: (message) => {
      if (state.room === 0) return false
      state.room--
      heard.push(said(message))
      messages.push(message)
      return true
    },
    close: (goodbye) => {
      heard.push(said(goodbye))
      state.isClosed = true
    }
  }
  return { sink, heard, messages, state }
}

const helloOf = (member: Pick<Member, "token" | "workspace">): Extract<ClientMessage, { readonly _tag: "Hello" }> => ({
  _tag: "Hello",
  protocol: { min: 1, max: 1 },
  token: member.token,
  workspace: member.workspace
})

const open = (member: Pick<Member, "token" | "workspace">, sink: Sink) =>
  Effect.flatMap(SyncService, (sync) => sync.live(helloOf(member), sink))

describe("Live", () => {
  it.effect("FAN-1 Welcome comes first, then every commit in the order of Seq, own ones included", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const reader = yield* makeMember(owner, "reader")
      yield* push(owner, 1, 1)
      const { heard, sink } = makeSink()
      const session = yield* open(reader, sink)
      yield* push(owner, 2, 2)
      yield* push(owner, 4, 1)
      session.hear({ _tag: "Ping" })
      assert.deepStrictEqual(heard, ["Welcome", "page 2,3", "page 4", "Pong"])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-2 no session for a version nobody speaks, a forged token, a link's token", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const link = yield* makeLink(owner, "owner")
      const { heard, sink } = makeSink()
      const errors = [
        yield* Effect.flip(sync.live({ ...helloOf(owner), protocol: { min: 2, max: 9 } }, sink)),
        yield* Effect.flip(sync.live({ ...helloOf(owner), token: `${owner.token}x` }, sink)),
        yield* Effect.flip(sync.live({ ...helloOf(owner), token: link.accessToken }, sink))
      ]
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["VersionUnsupported", "Unauthorized", "Unauthorized"]
      )
      assert.deepStrictEqual(heard, [])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-3 a device holds socketsPerDeviceMax sessions, not one more; a closed one makes room", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { sink } = makeSink()
      yield* Effect.scoped(open(owner, sink))
      for (let count = 0; count < socketsPerDeviceMax; count++) yield* open(owner, sink)
      assert.strictEqual((yield* Effect.flip(open(owner, sink)))._tag, "RateLimited")
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect(
    "FAN-4 a reader without room is parked: it is sent nothing, then Behind with the head, then pages again",
    () =>
      Effect.gen(function* () {
        const owner = yield* makeOwner
        const { heard, sink, state } = makeSink(2)
        const session = yield* open(owner, sink)
        yield* push(owner, 1, 1)
        yield* push(owner, 2, 1)
        state.room = 1
        yield* push(owner, 3, 1)
        assert.deepStrictEqual(heard, ["Welcome", "page 1"])
        state.room = 9
        session.drained()
        yield* push(owner, 4, 1)
        assert.deepStrictEqual(heard, ["Welcome", "page 1", "Behind 3", "page 4"])
      }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-4 what commits while a parked reader hears what it missed is not forgotten", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const fanOut = yield* FanOut
      const { heard, sink, state } = makeSink(1)
      let isBusy = true
      // News that comes in the middle of an offer.
      const offer: Sink["offer"] = (message) => {
        const isTaken = sink.offer(message)
        if (said(message) !== "Behind 1" || !isBusy) return isTaken
        isBusy = false
        Effect.runSync(fanOut.publishBehind(owner.workspace, Seq.make(2)))
        return isTaken
      }
      const session = yield* open(owner, { ...sink, offer })
      yield* push(owner, 1, 1)
      state.room = 9
      session.drained()
      yield* push(owner, 2, 1)
      assert.deepStrictEqual(heard, ["Welcome", "Behind 1", "Behind 2", "page 2"])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-4 room for only one message after being parked keeps the reader parked", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { heard, sink, state } = makeSink(1)
      const session = yield* open(owner, sink)
      yield* makeLink(owner, "reader")
      yield* push(owner, 1, 1)
      state.room = 1
      session.drained()
      state.room = 9
      yield* push(owner, 2, 1)
      session.drained()
      assert.deepStrictEqual(heard, ["Welcome", "RosterMoved 2", "Behind 2"])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-8 a live push is answered with its number; a repeat over HTTP gets the first receipt", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { heard, messages, sink } = makeSink()
      const session = yield* open(owner, sink)
      yield* session.push(encodeLivePush({ request: 7, entries: makeEntries(owner.device, 1, 2) }))
      const repeated = yield* push(owner, 1, 2)
      assert.deepStrictEqual(heard, ["Welcome", "page 1,2", "PushAnswered"])
      const answer = Result.getOrThrow(decodeServerMessage(messages.at(-1)))
      assert.deepStrictEqual(answer, { _tag: "PushAnswered", request: 7, answer: repeated })
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-8 what refuses a whole push is said with its number, and the session goes on", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const reader = yield* makeMember(owner, "reader")
      const mine = makeSink()
      const theirs = makeSink()
      const session = yield* open(owner, mine.sink)
      const reading = yield* open(reader, theirs.sink)
      yield* reading.push(encodeLivePush({ request: 1, entries: makeEntries(reader.device, 1, 1) }))
      yield* session.push(encodeLivePush({ request: 2, entries: [new Uint8Array(3)] }))
      yield* session.push(encodeLivePush({ request: 3, entries: makeEntries(owner.device, 1, 1) }))
      assert.deepStrictEqual(theirs.heard, ["Welcome", "PushRefused 1 Forbidden", "page 1"])
      assert.deepStrictEqual(mine.heard, ["Welcome", "PushRefused 2 Malformed", "page 1", "PushAnswered"])
      assert.strictEqual((yield* Effect.flip(session.push(new Uint8Array(9))))._tag, "Malformed")
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-8 a session pushes no faster than its device may ask", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { heard, sink } = makeSink()
      const session = yield* open(owner, sink)
      for (let request = 1; request <= 10; request++) yield* session.push(encodeLivePush({ request, entries: [] }))
      assert.include(heard, "PushRefused 10 RateLimited")
      yield* TestClock.adjust("10 seconds")
      yield* session.push(encodeLivePush({ request: 11, entries: [] }))
      assert.strictEqual(heard.at(-1), "PushAnswered")
    }).pipe(Effect.scoped, Effect.provide(memoryStore({ requestsPerSecondMax: 3 })))
  )

  it.effect("FAN-8 an answer that finds no room is said when there is some, before what was missed", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { heard, sink, state } = makeSink(1)
      const session = yield* open(owner, sink)
      const message = encodeLivePush({ request: 1, entries: makeEntries(owner.device, 1, 1) })
      const pushing = yield* Effect.forkChild(session.push(message), { startImmediately: true })
      assert.deepStrictEqual(heard, ["Welcome"])
      assert.isUndefined(pushing.pollUnsafe())
      state.room = 9
      session.drained()
      yield* Fiber.join(pushing)
      assert.deepStrictEqual(heard, ["Welcome", "PushAnswered", "Behind 1"])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-8 an answer that nobody is there to hear keeps nobody waiting", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const { sink } = makeSink(1)
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(open(owner, sink), scope)
      const pushOver = (request: number) =>
        session.push(encodeLivePush({ request, entries: makeEntries(owner.device, request, 1) }))
      const pushing = yield* Effect.forkChild(pushOver(1), { startImmediately: true })
      assert.isUndefined(pushing.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(pushing)
      yield* pushOver(2)
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-5 a page that does not follow the last one is not sent: the reader is told to pull", () =>
    Effect.gen(function* () {
      const fanOut = yield* FanOut
      const log = yield* Log
      const owner = yield* makeOwner
      const { heard, sink } = makeSink()
      yield* open(owner, sink)
      const other = yield* makeOwner
      yield* log.append(other.workspace, other.device, makeEntries(other.device, 1, 3))
      const { chain, logId } = yield* log.head(other.workspace)
      const page = yield* log.read(other.workspace, { after: Seq.make(0), bytesMax: 1 })
      const rest = yield* log.read(other.workspace, { after: Seq.make(1), logId, chain: page.through.chain })
      yield* fanOut.publish(owner.workspace, rest)
      yield* fanOut.publish(owner.workspace, page)
      yield* fanOut.publish(owner.workspace, page)
      assert.strictEqual(rest.through.chain, chain)
      assert.deepStrictEqual(heard, ["Welcome", "Behind 3", "page 1"])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-6 a revoked device hears Goodbye with the revocation, the others that the roster moved", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const editor = yield* makeMember(owner, "editor")
      const mine = makeSink()
      const theirs = makeSink()
      yield* open(owner, mine.sink)
      yield* open(editor, theirs.sink)
      yield* revoke(owner, { device: editor.device })
      assert.deepStrictEqual(mine.heard, ["Welcome", "RosterMoved 4"])
      assert.deepStrictEqual(theirs.heard, ["Welcome", "RosterMoved 4", "Goodbye Unauthorized"])
      assert.deepStrictEqual([mine.state.isClosed, theirs.state.isClosed], [false, true])
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )

  it.effect("FAN-6 a revoked device that does not read hears Goodbye all the same", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const editor = yield* makeMember(owner, "editor")
      const { sink, state } = makeSink(1)
      yield* open(editor, sink)
      yield* revoke(owner, { device: editor.device })
      assert.isTrue(state.isClosed)
    }).pipe(Effect.scoped, Effect.provide(memoryStore()))
  )
})
