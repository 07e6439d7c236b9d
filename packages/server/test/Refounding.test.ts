/** A server that forgot a workspace, or remembers an older roster of it, and the devices that still have the roster. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { chainStart, makeAdmitCopy, makeRevoke, statementText } from "@tidemark/crypto"
import { decodeRosterPage, RosterNumber, Seq } from "@tidemark/protocol"
import { SyncService } from "@tidemark/server"
import { asked, from, makeMember, makeOwner, type Member, prove, pullRoster, push, revoke } from "./people.ts"
import { memoryStore } from "./stores.ts"

/** Runs on a server of its own, which nobody has told anything yet. */
const onServer = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, memoryStore())

const summary = (error: { readonly _tag: string }) => ("reason" in error ? `${error._tag} ${error.reason}` : error._tag)

const statementsOf = (member: Member) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const frame = yield* sync.roster({ ...(yield* asked(member)), after: RosterNumber.make(0) })
    return (yield* Effect.fromResult(decodeRosterPage(frame))).statements.map(statementText)
  })

/** An owner, an editor, a reader that was revoked, and the roster that says so. */
const people = Effect.gen(function* () {
  const owner = yield* makeOwner
  const editor = yield* makeMember(owner, "editor")
  const revoked = yield* makeMember(owner, "reader")
  const before = yield* statementsOf(owner)
  yield* revoke(owner, { device: revoked.device })
  return { owner, editor, revoked, before, statements: yield* statementsOf(owner) }
})

const found = (member: Member, statements: Effect.Success<ReturnType<typeof statementsOf>>) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    return yield* sync.found({ statements, device: member.device, proof: yield* prove(member, "found"), from })
  })

describe("refounding", () => {
  it.effect("AMNESIA-1 any member founds a lost workspace again, years later too, and the whole roster holds", () =>
    Effect.gen(function* () {
      const { editor, owner, statements } = yield* onServer(people)
      yield* onServer(
        Effect.gen(function* () {
          // Long after every grant in the roster has expired.
          yield* TestClock.adjust("3000 days")
          const answer = yield* found(editor, statements)
          assert.strictEqual(answer.role, "editor")
          assert.notStrictEqual(answer.logId, owner.logId)
          yield* push({ ...editor, token: answer.token }, 1, 2)
          const state = yield* pullRoster({ ...editor, token: answer.token })
          assert.deepStrictEqual([state.number, state.devices.size], [statements.length, 3])
          // The founder comes later and finds it there.
          assert.strictEqual((yield* found(owner, statements)).logId, answer.logId)
        })
      )
    })
  )

  it.effect("AMNESIA-1 a revoked device, a stranger, and a roster with a statement missing found nothing", () =>
    Effect.gen(function* () {
      const { editor, revoked, statements } = yield* onServer(people)
      const stranger = yield* onServer(makeOwner)
      yield* onServer(
        Effect.gen(function* () {
          const sync = yield* SyncService
          const elsewhere = { ...stranger, workspace: editor.workspace }
          assert.strictEqual(summary(yield* Effect.flip(found(revoked, statements))), "Unauthorized revoked")
          assert.strictEqual(summary(yield* Effect.flip(found(elsewhere, statements))), "Unauthorized unknown")
          const forged = { ...editor, secret: stranger.secret }
          assert.strictEqual(summary(yield* Effect.flip(found(forged, statements))), "Unauthorized forged")
          const holed = statements.filter((_, index) => index !== 1)
          assert.strictEqual(summary(yield* Effect.flip(found(editor, holed))), "Malformed")
          assert.strictEqual(summary(yield* Effect.flip(found(editor, statements.slice(1)))), "Malformed")
          const { device, secret, workspace } = editor
          const renewal = { workspace, device, proof: yield* prove({ secret, workspace }, "renew"), from }
          assert.strictEqual(summary(yield* Effect.flip(sync.renew(renewal))), "WorkspaceUnknown")
        })
      )
    })
  )

  it.effect("AMNESIA-2 an older roster is extended by whoever has more of it, and the revocation sticks", () =>
    Effect.gen(function* () {
      const { before, editor, revoked, statements } = yield* onServer(people)
      yield* onServer(
        Effect.gen(function* () {
          // The revoked device is quick and founds with the roster as it was before its end.
          const { logId, token } = yield* found(revoked, before)
          assert.strictEqual((yield* found(editor, statements)).logId, logId)
          const sync = yield* SyncService
          assert.strictEqual(summary(yield* Effect.flip(sync.authenticate(token))), "Unauthorized revoked")
          // With its shorter roster it changes nothing and gets no token.
          assert.strictEqual(summary(yield* Effect.flip(found(revoked, before))), "Unauthorized revoked")
          // An honest device that lacks the last statements gets its token.
          assert.strictEqual((yield* found(editor, before)).logId, logId)
        })
      )
    })
  )

  it.effect(
    "AMNESIA-3 a roster that went on differently is united with the server's by any member, and both hold",
    () =>
      Effect.gen(function* () {
        const { before, editor, owner, revoked, statements } = yield* onServer(people)
        yield* onServer(
          Effect.gen(function* () {
            const { token } = yield* found(owner, before)
            const sync = yield* SyncService
            const there = { ...owner, token }
            const guest = yield* makeMember(there, "reader")
            const outsider = yield* found(revoked, before)
            // The server's list is the longer one, and forgot that this device is out; an editor brings it back.
            const answer = yield* found(editor, statements)
            const state = yield* pullRoster({ ...editor, token: answer.token })
            assert.strictEqual(state.number, before.length + 4)
            const out = yield* Effect.flip(sync.authenticate(outsider.token))
            assert.strictEqual(summary(out), "Unauthorized revoked")
            assert.strictEqual((yield* sync.authenticate(guest.token)).role, "reader")
            assert.strictEqual((yield* sync.head(yield* asked(there))).rosterHead, state.head)
          })
        )
      })
  )

  it.effect("AMNESIA-10 a revoked device brings no list, nor does whoever it lets in without knowing of its end", () =>
    Effect.gen(function* () {
      const { before, bytesBefore, owner, revoked, second } = yield* onServer(
        Effect.gen(function* () {
          const first = yield* makeOwner
          const thief = yield* makeMember(first, "owner")
          const list = yield* statementsOf(first)
          return {
            before: list,
            bytesBefore: yield* pullRoster(first),
            owner: first,
            revoked: thief,
            second: yield* makeOwner
          }
        })
      )
      yield* onServer(
        Effect.gen(function* () {
          const there = { ...owner, token: (yield* found(owner, before)).token }
          yield* revoke(there, { device: revoked.device })
          const number = (yield* pullRoster(there)).number
          // It puts the owner out, and a copy of itself in, at the place before its own end.
          const { device: by, keyring, secret } = revoked
          const cursor = { logId: second.logId, seq: Seq.make(0), chain: chainStart(second.logId) }
          const target = { device: owner.device }
          const coup = yield* makeRevoke({ state: bytesBefore, secret, by, target, seen: cursor, at: 0 })
          const copy = { ...second, workspace: owner.workspace }
          const admitCopy = yield* makeAdmitCopy({ state: bytesBefore, secret, by, copy: copy.secret, keyring, at: 0 })
          for (const [who, statement] of [
            [revoked, coup],
            [copy, admitCopy]
          ] as const) {
            const error = yield* Effect.flip(found(who, [...before, statementText(statement)]))
            assert.strictEqual(summary(error), "Unauthorized revoked")
          }
          assert.strictEqual((yield* pullRoster(there)).number, number)
        })
      )
    })
  )
})
