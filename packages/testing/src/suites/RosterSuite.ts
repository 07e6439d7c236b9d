/**
 * The contract of the server's `Roster`, as tests that every implementation runs: memory, SQLite, PostgreSQL.
 *
 * Rules: docs/spec/roster-server.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Result } from "effect"
import { appendStatement, hashOf, makeFound, makeGrant, type Primitives } from "@tidemark/crypto"
import {
  batchCountMax,
  DeviceId,
  RosterNumber,
  Seq,
  signatureBytes,
  type SignedCursor,
  statementVersion,
  WorkspaceId
} from "@tidemark/protocol"
import { Log, Roster } from "@tidemark/server"
import { admitted, founded, grantBy, makeFounder, revocationOf } from "./internal/serverFixtures.ts"

/** What a suite needs: a fresh store for each test. */
export type RosterSuiteLayer = Layer.Layer<Log | Roster | Primitives, unknown>

/** Lets every verified roster in, as a proof that checks out does. */
const anyone = () => Effect.void

/** Runs the contract of the server's roster on a store. */
export const rosterSuite = (name: string, layer: RosterSuiteLayer): void => {
  describe(`Roster: ${name}`, () => {
    it.effect("RLOG-1 founding makes a workspace with an empty log; the same statement again changes nothing", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const log = yield* Log
        const founder = yield* makeFounder
        const state = yield* roster.found([founder.statement], anyone, anyone)
        const head = yield* log.head(founder.workspace)
        assert.deepStrictEqual([state.number, head.head, head.roster], [1, 0, 1])
        yield* admitted(founder, "editor")
        const again = yield* roster.found([founder.statement], anyone, anyone)
        assert.strictEqual(again.number, 3)
        assert.strictEqual((yield* log.head(founder.workspace)).logId, head.logId)
      }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-1 another founding statement of the same key is refused", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const { keyring, secret } = yield* founded
        const other = yield* makeFound({ secret, keyring, at: 5 })
        const error = yield* Effect.flip(roster.found([other], anyone, anyone))
        assert.strictEqual(error._tag === "StatementRefused" && error.reason, "alreadyThere")
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "RLOG-9 a longer roster extends the stored one, however many bring it at once; a shorter one changes nothing",
      () =>
        Effect.gen(function* () {
          const roster = yield* Roster
          const log = yield* Log
          const owner = yield* founded
          const first = yield* grantBy(owner, owner.state, "editor")
          const { state } = yield* appendStatement(owner.state, first.bytes)
          const second = yield* grantBy(owner, state, "reader")
          const whole = [owner.statement, first.bytes, second.bytes]
          const { logId } = yield* log.head(owner.workspace)
          const both = yield* Effect.all([roster.found(whole, anyone, anyone), roster.found(whole, anyone, anyone)], {
            concurrency: 2
          })
          assert.deepStrictEqual(
            both.map(({ number }) => Number(number)),
            [3, 3]
          )
          assert.strictEqual((yield* roster.found(whole.slice(0, 2), anyone, anyone)).number, 3)
          const head = yield* log.head(owner.workspace)
          assert.deepStrictEqual([head.roster, head.logId], [3, logId])
          const { statements } = yield* roster.read(owner.workspace, RosterNumber.make(0))
          assert.deepStrictEqual(statements.map(hashOf), whole.map(hashOf))
        }).pipe(Effect.provide(layer))
    )

    it.effect(
      "RLOG-11 a roster that went on differently is united with the stored one, in one step, whoever brings it first",
      () =>
        Effect.gen(function* () {
          const roster = yield* Roster
          const log = yield* Log
          const owner = yield* founded
          const here = yield* admitted(owner, "editor")
          const stored = (yield* roster.read(owner.workspace, RosterNumber.make(0))).statements
          const grant = yield* grantBy(owner, owner.state, "reader")
          const other = (yield* appendStatement(owner.state, grant.bytes)).state
          const second = yield* grantBy(owner, other, "reader")
          const longer = [owner.statement, grant.bytes, second.bytes]
          const refusal = yield* Effect.flip(roster.found(longer, anyone, () => Effect.fail("refused" as const)))
          assert.strictEqual(refusal, "refused")
          assert.strictEqual((yield* log.head(owner.workspace)).roster, 3, "what may not be united changes nothing")
          const brought = [longer, longer.slice(0, 2), longer, longer]
          yield* Effect.forEach(brought, (list) => roster.found(list, anyone, anyone), { concurrency: "unbounded" })
          const { statements } = yield* roster.read(owner.workspace, RosterNumber.make(0))
          assert.deepStrictEqual(statements.slice(0, 3).map(hashOf), stored.map(hashOf), "it only grows")
          const state = yield* roster.state(owner.workspace)
          assert.strictEqual(state.number, (yield* log.head(owner.workspace)).roster)
          assert.strictEqual(statements.length, state.number)
          assert.deepStrictEqual([...state.grants.keys()].toSorted().length, 3)
          for (const link of [grant, second]) assert.isTrue(state.grants.has(link.grant))
          assert.isUndefined(state.devices.get(here.device)?.revokedAt)
          // It is one line again: the next statement follows it.
          const next = yield* grantBy(owner, state, "editor")
          assert.strictEqual((yield* roster.append(owner.workspace, next.bytes)).state.number, state.number + 1)
          assert.strictEqual((yield* roster.found(longer, anyone, anyone)).number, state.number + 1)
        }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-2 of two statements for one place the first wins; the other is RosterMoved with the number", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const owner = yield* founded
        const rivals = yield* Effect.forEach([1, 2, 3, 4], () => grantBy(owner, owner.state, "reader"))
        const results = yield* Effect.forEach(
          rivals,
          ({ bytes }) => Effect.result(roster.append(owner.workspace, bytes)),
          { concurrency: "unbounded" }
        )
        const lost = results.filter(Result.isFailure).map(({ failure }) => failure)
        assert.deepStrictEqual(
          lost.map((error) => error._tag === "RosterMoved" && Number(error.number)),
          [2, 2, 2]
        )
        assert.strictEqual((yield* roster.state(owner.workspace)).number, 2)
      }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-3 the same statement again is there already, however often and however late", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const owner = yield* founded
        const { bytes } = yield* grantBy(owner, owner.state, "editor")
        const atOnce = yield* Effect.forEach([1, 2, 3], () => roster.append(owner.workspace, bytes), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(
          atOnce.map(({ state }) => Number(state.number)),
          [2, 2, 2]
        )
        yield* admitted(owner, "reader")
        assert.strictEqual((yield* roster.append(owner.workspace, bytes)).state.number, 4)
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "RLOG-4 a statement that breaks a rule changes nothing: signature, authority, last owner, other workspace",
      () =>
        Effect.gen(function* () {
          const roster = yield* Roster
          const owner = yield* founded
          const editor = yield* admitted(owner, "editor")
          const state = yield* roster.state(owner.workspace)
          const tampered = (yield* grantBy(owner, state, "reader")).bytes.slice()
          tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1
          const { keyring, secret } = editor
          const grant = {
            state,
            secret,
            by: editor.device,
            keyring,
            role: "owner",
            expiresAt: 9,
            uses: 1,
            at: 0
          } as const
          const byEditor = (yield* makeGrant(grant)).bytes
          const lastOwner = yield* revocationOf(owner, owner.device)
          const elsewhere = yield* founded
          const reasons = yield* Effect.forEach([tampered, byEditor, lastOwner, elsewhere.statement], (statement) =>
            Effect.flip(roster.append(owner.workspace, statement))
          )
          assert.deepStrictEqual(
            reasons.map((error) => error._tag === "StatementRefused" && error.reason),
            ["signature", "authority", "lastOwner", "wrongWorkspace"]
          )
          assert.strictEqual((yield* roster.state(owner.workspace)).number, state.number)
        }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-5 a workspace that was never founded is unknown", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const stranger = yield* makeFounder
        const workspace = WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA")
        const { bytes } = yield* grantBy(stranger, stranger.state, "reader")
        const errors = [
          yield* Effect.flip(roster.state(workspace)),
          yield* Effect.flip(roster.read(workspace, RosterNumber.make(0))),
          yield* Effect.flip(roster.append(stranger.workspace, bytes))
        ]
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          ["WorkspaceUnknown", "WorkspaceUnknown", "WorkspaceUnknown"]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-6 statements are read after a number, byte for byte, at most a frame at a time", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const owner = yield* founded
        const stored = [owner.statement]
        for (let count = 0; count < batchCountMax; count++) {
          const { bytes } = yield* grantBy(owner, yield* roster.state(owner.workspace), "reader")
          yield* roster.append(owner.workspace, bytes)
          stored.push(bytes)
        }
        const first = yield* roster.read(owner.workspace, RosterNumber.make(0))
        const second = yield* roster.read(owner.workspace, RosterNumber.make(batchCountMax))
        const end = yield* roster.read(owner.workspace, RosterNumber.make(batchCountMax + 1))
        assert.deepStrictEqual(
          [first.statements.length, second.statements.length, end.statements.length],
          [batchCountMax, 1, 0]
        )
        assert.deepStrictEqual([...first.statements, ...second.statements].map(hashOf), stored.map(hashOf))
      }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-8 a statement of a kind this server does not know is refused: it could not enforce it", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const { state, workspace } = yield* founded
        const body = JSON.stringify({ kind: "promote", workspace, number: 2, previous: state.head, at: 0 })
        const statement = new Uint8Array(1 + body.length + signatureBytes)
        statement[0] = statementVersion
        statement.set(new TextEncoder().encode(body), 1)
        const error = yield* Effect.flip(roster.append(workspace, statement))
        assert.strictEqual(error._tag === "StatementRefused" && error.reason, "tooNew")
        assert.strictEqual((yield* roster.state(workspace)).number, 1)
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "CURSOR-4 the last report of each device is kept, byte for byte, and those of strangers are not given",
      () =>
        Effect.gen(function* () {
          const roster = yield* Roster
          const owner = yield* founded
          const { chain, logId } = yield* (yield* Log).head(owner.workspace)
          const signed = (seq: number, letter: string): SignedCursor => {
            return { cursor: { logId, seq: Seq.make(seq), chain }, signature: letter.repeat(86) }
          }
          assert.deepStrictEqual(yield* roster.reports(owner.workspace), [])
          yield* roster.report(owner.workspace, owner.device, signed(1, "A"))
          yield* roster.report(owner.workspace, owner.device, signed(2 ** 50, "B"))
          yield* roster.report(owner.workspace, DeviceId.make("A".repeat(22)), signed(3, "C"))
          assert.deepStrictEqual(yield* roster.reports(owner.workspace), [
            { device: owner.device, ...signed(2 ** 50, "B"), at: 0 }
          ])
          const nowhere = WorkspaceId.make("A".repeat(22))
          assert.strictEqual((yield* Effect.flip(roster.reports(nowhere)))._tag, "WorkspaceUnknown")
          assert.strictEqual(
            (yield* Effect.flip(roster.report(nowhere, owner.device, signed(1, "A"))))._tag,
            "WorkspaceUnknown"
          )
        }).pipe(Effect.provide(layer))
    )

    it.effect("RLOG-7 when a device was last seen is kept per device", () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const owner = yield* founded
        assert.strictEqual((yield* roster.lastSeen(owner.workspace)).size, 0)
        yield* roster.seen(owner.workspace, owner.device)
        yield* roster.seen(owner.workspace, owner.device)
        assert.deepStrictEqual([...(yield* roster.lastSeen(owner.workspace))], [[owner.device, 0]])
      }).pipe(Effect.provide(layer))
    )
  })
}
