import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { makeDeviceSecret, makeFound, makeKeyring, makeProof, statementText } from "@tidemark/crypto"
import {
  batchBytesMax,
  encodePush,
  grantMillisMax,
  RosterNumber,
  Seq,
  StatementText,
  statementBytesMax,
  tokenMillis
} from "@tidemark/protocol"
import { SyncService } from "@tidemark/server"
import { makeEntries, makeFounder } from "@tidemark/testing/suites/internal/serverFixtures"
import {
  admission,
  asked,
  from,
  grantStatement,
  join,
  makeLink,
  makeMember,
  makeOwner,
  prove,
  pullRoster,
  push,
  revoke
} from "./people.ts"
import { memoryStore } from "./stores.ts"

/** What an error says: its tag, and its reason where it has one. */
const summary = (error: { readonly _tag: string }) => ("reason" in error ? `${error._tag} ${error.reason}` : error._tag)

describe("Access", () => {
  it.effect("ACCESS-1 a replayed founding statement yields no token without the founder's key", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const founder = yield* makeFounder
      const statement = statementText(founder.statement)
      const thief = yield* makeDeviceSecret
      const stolen = yield* prove({ secret: thief, workspace: founder.workspace }, "found")
      assert.strictEqual(
        summary(yield* Effect.flip(sync.found({ statements: [statement], proof: stolen, from }))),
        "Unauthorized forged"
      )
      const proof = yield* prove(founder, "found")
      yield* sync.found({ statements: [statement], proof, from })
      assert.strictEqual(
        summary(yield* Effect.flip(sync.found({ statements: [statement], proof, from }))),
        "Unauthorized challenge"
      )
      const renewal = yield* prove(founder, "renew")
      assert.strictEqual(
        summary(yield* Effect.flip(sync.found({ statements: [statement], proof: renewal, from }))),
        "Unauthorized forged"
      )
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-2 founding again by the founder gives a token for the same log; another statement is refused", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      yield* push(owner, 1, 1)
      const again = yield* sync.found({
        statements: [statementText(owner.statement)],
        proof: yield* prove(owner, "found"),
        from
      })
      assert.deepStrictEqual([again.logId, again.role], [owner.logId, "owner"])
      const other = yield* makeFound({ secret: owner.secret, keyring: yield* makeKeyring, at: 9 })
      const error = yield* Effect.flip(
        sync.found({ statements: [statementText(other)], proof: yield* prove(owner, "found"), from })
      )
      assert.strictEqual(summary(error), "StatementRefused alreadyThere")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-3 nobody joins without a grant's link, an admission signed by it, and the new device's proof", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const link = yield* makeLink(owner, "editor")
      const otherLink = yield* makeLink(owner, "reader")
      const joiner = yield* admission(link, owner)
      const asking = yield* asked({ token: link.accessToken, workspace: link.workspace })
      const otherAsking = yield* asked({ token: otherLink.accessToken, workspace: link.workspace })
      const { statement } = joiner
      const byOwner = yield* prove(owner, "admit")
      assert.strictEqual(
        summary(yield* Effect.flip(sync.admit({ ...asking, statement, proof: byOwner }))),
        "Unauthorized forged"
      )
      const proof = yield* prove(joiner, "admit")
      assert.strictEqual(summary(yield* Effect.flip(sync.admit({ ...otherAsking, statement, proof }))), "Forbidden")
      assert.strictEqual((yield* pullRoster(owner)).devices.size, 1)
      const answer = yield* sync.admit({ ...asking, statement, proof })
      assert.deepStrictEqual([answer.role, answer.number], ["editor", 4])
      const repeat = yield* sync.admit({ ...asking, statement, proof: yield* prove(joiner, "admit") })
      assert.deepStrictEqual([repeat.role, repeat.number], ["editor", 4])
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect(
    "ACCESS-4 a link ends with its expiry, its uses, or its revocation; a repeated admission still answers",
    () =>
      Effect.gen(function* () {
        const sync = yield* SyncService
        const owner = yield* makeOwner
        const link = yield* makeLink(owner, "reader", 600_000, 1)
        const asking = yield* asked({ token: link.accessToken, workspace: link.workspace })
        const first = yield* admission(link, owner)
        yield* sync.admit({ ...asking, statement: first.statement, proof: yield* prove(first, "admit") })
        const second = yield* admission(link, owner)
        const spent = yield* Effect.flip(
          sync.admit({ ...asking, statement: second.statement, proof: yield* prove(second, "admit") })
        )
        const open = yield* makeLink(owner, "reader", 600_000, 2)
        const openAsking = yield* asked({ token: open.accessToken, workspace: open.workspace })
        const late = yield* admission(open, owner)
        yield* TestClock.adjust(600_000)
        const expired = yield* Effect.flip(
          sync.admit({ ...openAsking, statement: late.statement, proof: yield* prove(late, "admit") })
        )
        assert.deepStrictEqual([spent, expired].map(summary), [
          "StatementRefused grantSpent",
          "StatementRefused grantExpired"
        ])
        const repeat = yield* sync.admit({ ...asking, statement: first.statement, proof: yield* prove(first, "admit") })
        assert.strictEqual(repeat.role, "reader")
        const ownerNow = { ...owner, ...(yield* sync.renew({ ...owner, proof: yield* prove(owner, "renew"), from })) }
        const another = yield* makeLink(ownerNow, "reader", 3_600_000)
        yield* revoke(ownerNow, { grant: another.grant })
        const revoked = yield* Effect.flip(sync.authenticate(another.accessToken))
        assert.strictEqual(summary(revoked), "Unauthorized revoked")
      }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-5 a grant lasts from now to at most grantMillisMax", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const asking = yield* asked(owner)
      const tryGrant = (expiresAt: number) =>
        Effect.gen(function* () {
          const { bytes } = yield* grantStatement(owner, "reader", expiresAt)
          return yield* sync.grant({ ...asking, statement: statementText(bytes) })
        })
      const errors = [yield* Effect.flip(tryGrant(0)), yield* Effect.flip(tryGrant(grantMillisMax + 1))]
      assert.deepStrictEqual(errors.map(summary), ["StatementRefused grantExpired", "StatementRefused grantExpired"])
      assert.strictEqual((yield* tryGrant(grantMillisMax)).number, 2)
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-6 a device renews by its signature, also with an expired token; a revoked one does not", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const editor = yield* makeMember(owner, "editor")
      yield* TestClock.adjust(tokenMillis + 60_000)
      assert.strictEqual(summary(yield* Effect.flip(sync.authenticate(editor.token))), "Unauthorized expired")
      const renewed = yield* sync.renew({ ...editor, proof: yield* prove(editor, "renew"), from })
      assert.strictEqual((yield* sync.authenticate(renewed.token)).role, "editor")
      const byOther = yield* Effect.flip(sync.renew({ ...editor, proof: yield* prove(owner, "renew"), from }))
      const { token } = yield* sync.renew({ ...owner, proof: yield* prove(owner, "renew"), from })
      yield* revoke({ ...owner, token }, { device: editor.device })
      const revoked = yield* Effect.flip(sync.renew({ ...editor, proof: yield* prove(editor, "renew"), from }))
      const unknown = yield* Effect.flip(
        sync.renew({
          ...editor,
          workspace: owner.workspace,
          device: (yield* makeFounder).device,
          proof: yield* prove(editor, "renew"),
          from
        })
      )
      assert.deepStrictEqual([byOther, revoked, unknown].map(summary), [
        "Unauthorized forged",
        "Unauthorized revoked",
        "Unauthorized unknown"
      ])
      assert.strictEqual(summary(yield* Effect.flip(sync.authenticate(renewed.token))), "Unauthorized revoked")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-7 roles are enforced on every method: link, reader, editor, owner", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const link = yield* makeLink(owner, "owner")
      const people = {
        link: { ...owner, token: link.accessToken },
        reader: yield* makeMember(owner, "reader"),
        editor: yield* makeMember(owner, "editor"),
        owner
      }
      const attempt = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
        Effect.match(effect, { onFailure: ({ _tag }) => (_tag === "Forbidden" ? "no" : "yes"), onSuccess: () => "yes" })
      const rights = yield* Effect.forEach(Object.entries(people), ([name, person]) =>
        Effect.gen(function* () {
          const asking = yield* asked(person)
          const { bytes } = yield* grantStatement(owner, "reader")
          const grant = yield* attempt(sync.grant({ ...asking, statement: statementText(bytes) }))
          const list = yield* attempt(sync.list(asking))
          const frame = new Uint8Array([1, 1, 0, 0])
          const pushed = yield* attempt(sync.push({ ...asking, frame }))
          const pulled = yield* attempt(sync.pull({ ...asking, after: Seq.make(0) }))
          const roster = yield* attempt(sync.roster({ ...asking, after: RosterNumber.make(0) }))
          const head = yield* attempt(sync.head(asking))
          return [name, { grant, list, pushed, pulled, roster, head }] as const
        })
      )
      assert.deepStrictEqual(Object.fromEntries(rights), {
        link: { grant: "no", list: "no", pushed: "no", pulled: "no", roster: "yes", head: "yes" },
        reader: { grant: "no", list: "no", pushed: "no", pulled: "yes", roster: "yes", head: "yes" },
        editor: { grant: "no", list: "no", pushed: "yes", pulled: "yes", roster: "yes", head: "yes" },
        owner: { grant: "yes", list: "yes", pushed: "yes", pulled: "yes", roster: "yes", head: "yes" }
      })
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-7 a device may revoke itself, and only an owner another", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const reader = yield* makeMember(owner, "reader")
      const editor = yield* makeMember(owner, "editor")
      assert.strictEqual(summary(yield* Effect.flip(revoke(editor, { device: reader.device }))), "Forbidden")
      yield* revoke(reader, { device: reader.device })
      assert.strictEqual(summary(yield* Effect.flip(sync.authenticate(reader.token))), "Unauthorized revoked")
      const { devices, grants } = yield* sync.list(yield* asked(owner))
      assert.deepStrictEqual(
        devices.map(({ revoked, role }) => [role, revoked]),
        [
          ["owner", false],
          ["reader", true],
          ["editor", false]
        ]
      )
      assert.strictEqual(grants.length, 2)
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("TOKEN-4 a revocation counts from the next request on, long before the token expires", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const editor = yield* makeMember(owner, "editor")
      const before = yield* asked(editor)
      yield* push(editor, 1, 1)
      yield* revoke(owner, { device: editor.device })
      assert.strictEqual(summary(yield* Effect.flip(push(editor, 2, 1))), "Unauthorized revoked")
      // A request that passed the door before the revocation is refused under the head row.
      const late = yield* sync.push({ ...before, frame: encodePush(makeEntries(editor.device, 3, 1)) })
      assert.strictEqual(late.results[0]?._tag === "ItemRefused" && late.results[0].reason, "revoked")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("TOKEN-5 a token of one workspace finds no other, on every method", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const victim = yield* makeOwner
      const { caller } = yield* asked(owner)
      const foreign = { caller, workspace: victim.workspace }
      const { bytes } = yield* grantStatement(victim, "owner")
      const statement = statementText(bytes)
      const proof = yield* prove(owner, "admit")
      const hello = {
        _tag: "Hello",
        protocol: { min: 1, max: 1 },
        token: owner.token,
        workspace: victim.workspace
      } as const
      const sink = { offer: () => assert.fail("nothing is said"), close: () => assert.fail("nothing is said") }
      const errors = [
        yield* Effect.flip(sync.grant({ ...foreign, statement })),
        yield* Effect.flip(sync.admit({ ...foreign, statement, proof })),
        yield* Effect.flip(sync.revoke({ ...foreign, statement })),
        yield* Effect.flip(sync.roster({ ...foreign, after: RosterNumber.make(0) })),
        yield* Effect.flip(sync.list(foreign)),
        yield* Effect.flip(sync.head(foreign)),
        yield* Effect.flip(sync.push({ ...foreign, frame: new Uint8Array([1, 1, 0, 0]) })),
        yield* Effect.flip(sync.pull({ ...foreign, after: Seq.make(0) })),
        yield* Effect.flip(Effect.scoped(sync.live(hello, sink)))
      ]
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        errors.map(() => "WorkspaceUnknown")
      )
      const elsewhere = yield* Effect.flip(sync.renew({ ...owner, workspace: victim.workspace, proof, from }))
      assert.strictEqual(summary(elsewhere), "Unauthorized unknown")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-8 what is no statement, too large a one, or one of another kind is refused with what it is", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const asking = yield* asked(owner)
      const errors = [
        yield* Effect.flip(sync.grant({ ...asking, statement: StatementText.make("AAAA") })),
        yield* Effect.flip(sync.grant({ ...asking, statement: statementText(owner.statement) })),
        yield* Effect.flip(sync.grant({ ...asking, statement: statementText(new Uint8Array(statementBytesMax + 1)) })),
        yield* Effect.flip(sync.push({ ...asking, frame: new Uint8Array(batchBytesMax + 1) })),
        yield* Effect.flip(sync.push({ ...asking, frame: new Uint8Array([1, 1, 0, 1, 0, 0, 0, 9]) }))
      ]
      assert.deepStrictEqual(errors.map(summary), ["Malformed", "Malformed", "TooLarge", "TooLarge", "Malformed"])
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect(
    "TOKEN-6 one device may ask requestsPerSecondMax times a second on average, and hears how long to wait",
    () =>
      Effect.gen(function* () {
        const sync = yield* SyncService
        const owner = yield* makeOwner
        yield* Effect.forEach(Array.from({ length: 20 }), () => sync.authenticate(owner.token), { discard: true })
        const error = yield* Effect.flip(sync.authenticate(owner.token))
        assert.deepStrictEqual(error._tag === "RateLimited" && error.retryAfterMillis, 100)
        yield* TestClock.adjust(100)
        yield* sync.authenticate(owner.token)
        assert.strictEqual((yield* Effect.flip(sync.authenticate(owner.token)))._tag, "RateLimited")
      }).pipe(Effect.provide(memoryStore({ requestsPerSecondMax: 10 })))
  )

  it.effect("ACCESS-1 a challenge answered by another key is not used up", () =>
    Effect.gen(function* () {
      const sync = yield* SyncService
      const owner = yield* makeOwner
      const { challenge } = yield* sync.challenge({ from })
      const { workspace } = owner
      const thief = yield* makeDeviceSecret
      const wrong = yield* makeProof({ secret: thief, action: "renew", workspace, challenge })
      assert.strictEqual(
        summary(yield* Effect.flip(sync.renew({ ...owner, proof: wrong, from }))),
        "Unauthorized forged"
      )
      const proof = yield* makeProof({ secret: owner.secret, action: "renew", workspace, challenge })
      assert.strictEqual((yield* sync.renew({ ...owner, proof, from })).role, "owner")
    }).pipe(Effect.provide(memoryStore()))
  )

  it.effect("ACCESS-3 a device joins by link while its owner is away, and reads and writes by its role", () =>
    Effect.gen(function* () {
      const owner = yield* makeOwner
      const link = yield* makeLink(owner, "editor")
      const editor = yield* join(link, owner)
      const answer = yield* push(editor, 1, 2)
      assert.deepStrictEqual(
        answer.results.map(({ _tag }) => _tag),
        ["Stored", "Stored"]
      )
    }).pipe(Effect.provide(memoryStore()))
  )
})
