import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  appendStatement,
  foldRoster,
  grantIdOf,
  grantIsExpired,
  linkKeysOf,
  makeGrant,
  Primitives,
  publicKeysOf,
  type RosterState
} from "@tidemark/crypto"
import { RosterNumber, statementContext, statementCountMax } from "@tidemark/protocol"
import {
  admission,
  at,
  found,
  grantTo,
  join,
  makePerson,
  outcome,
  type Person,
  revocation,
  signJson
} from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const tried = (state: RosterState | undefined, bytes: Uint8Array) =>
  Effect.map(Effect.result(appendStatement(state, bytes)), outcome)

describe("roster", () => {
  it.effect("ROSTER-1 a founder is the first owner of the workspace its key names", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      assert.strictEqual(state.number, 1)
      assert.deepStrictEqual([...state.devices.keys()], [owner.device])
      assert.strictEqual(state.devices.get(owner.device)?.role, "owner")
      assert.isFalse(state.tooNew)
    }).pipe(run)
  )

  it.effect("ROSTER-1 a first statement of another number, kind or workspace founds nothing", () =>
    Effect.gen(function* () {
      const { owner, state, bytes } = yield* found()
      const granted = yield* grantTo(state, owner, "editor")
      const sign = (change: object) => signJson(owner.secret, bytes, change)
      assert.strictEqual(yield* tried(undefined, granted.bytes), "malformed")
      assert.strictEqual(yield* tried(undefined, yield* sign({ number: 2 })), "malformed")
      assert.strictEqual(yield* tried(undefined, yield* sign({ previous: state.head })), "malformed")
      assert.strictEqual(yield* tried(undefined, yield* sign({ workspace: owner.device })), "wrongWorkspace")
      assert.strictEqual(yield* tried(undefined, yield* sign({ kind: "promote", by: owner.device })), "malformed")
      assert.strictEqual(yield* tried(undefined, yield* sign({})), "appended")
      assert.strictEqual(yield* tried(state, bytes), "alreadyThere")
      const stranger = yield* makePerson()
      assert.strictEqual(yield* tried(undefined, yield* signJson(stranger.secret, bytes, {})), "signature")
    }).pipe(run)
  )

  it.effect("ROSTER-2 a statement follows by number, previous hash and workspace, or changes nothing", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const { bytes } = yield* grantTo(state, owner, "editor")
      const sign = (change: object) => signJson(owner.secret, bytes, change)
      assert.strictEqual(yield* tried(state, yield* sign({ number: 1 })), "malformed")
      assert.strictEqual(yield* tried(state, yield* sign({ number: 3 })), "malformed")
      assert.strictEqual(yield* tried(state, yield* sign({ previous: undefined })), "malformed")
      assert.strictEqual(yield* tried(state, yield* sign({ previous: "A".repeat(43) })), "malformed")
      assert.strictEqual(yield* tried(state, yield* sign({ workspace: owner.device })), "wrongWorkspace")
      assert.strictEqual(yield* tried(state, yield* sign({})), "appended")
      const appended = (yield* appendStatement(state, bytes)).state
      assert.strictEqual(yield* tried(appended, bytes), "malformed")
      const other = yield* found()
      assert.strictEqual(yield* tried(other.state, bytes), "wrongWorkspace")
      assert.strictEqual(state.number, 1)
      assert.strictEqual(state.grants.size, 0)
    }).pipe(run)
  )

  it.effect("ROSTER-3 a device joins over a link with the grant's role, as often as the grant says", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const granted = yield* grantTo(state, owner, "editor", 2)
      const first = yield* admission(granted.state, granted.grant, granted.linkSecret)
      const one = (yield* appendStatement(granted.state, first.bytes)).state
      assert.strictEqual(one.devices.get(first.person.device)?.role, "editor")
      assert.strictEqual(one.devices.get(first.person.device)?.admittedBy, granted.grant)
      assert.deepStrictEqual(first.person.keyring, owner.keyring)
      assert.strictEqual(one.grants.get(granted.grant)?.usesLeft, 1)
      const second = yield* admission(one, granted.grant, granted.linkSecret)
      const two = (yield* appendStatement(one, second.bytes)).state
      const third = yield* admission(two, granted.grant, granted.linkSecret)
      assert.strictEqual(yield* tried(two, third.bytes), "grantSpent")
    }).pipe(run)
  )

  it.effect("ROSTER-3 nobody joins by another key, without a grant, or a second time", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const granted = yield* grantTo(state, owner, "editor", 5)
      const { bytes, person } = yield* admission(granted.state, granted.grant, granted.linkSecret)
      const link = yield* linkKeysOf(granted.linkSecret)
      assert.strictEqual(yield* tried(granted.state, yield* signJson(owner.secret, bytes, {})), "signature")
      const unknown = grantIdOf((yield* publicKeysOf(person.secret)).signing)
      assert.strictEqual(yield* tried(granted.state, yield* signJson(link.secret, bytes, { by: unknown })), "authority")
      const byDevice = yield* signJson(link.secret, bytes, { by: owner.device })
      assert.strictEqual(yield* tried(granted.state, byDevice), "signature")
      const joined = (yield* appendStatement(granted.state, bytes)).state
      const place = { number: joined.number + 1, previous: joined.head }
      assert.strictEqual(yield* tried(joined, yield* signJson(link.secret, bytes, place)), "alreadyThere")
    }).pipe(run)
  )

  it.effect("ROSTER-4 only an owner grants, and a link only once", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const editor = yield* join(state, owner, "editor")
      const secondOwner = yield* join(editor.state, owner, "owner")
      const all = secondOwner.state
      const grantBy = (by: Person) =>
        Effect.map(
          makeGrant({ state: all, ...by, by: by.device, role: "reader", expiresAt: at, uses: 1, at }),
          (made) => made.bytes
        )
      assert.strictEqual(yield* tried(all, yield* grantBy(editor.person)), "authority")
      assert.strictEqual(yield* tried(all, yield* grantBy(yield* makePerson())), "authority")
      assert.strictEqual(yield* tried(all, yield* grantBy(secondOwner.person)), "appended")
      const place = { number: all.number + 1, previous: all.head }
      assert.strictEqual(yield* tried(all, yield* signJson(owner.secret, editor.bytes, place)), "alreadyThere")
      const granted = yield* grantTo(all, owner, "owner")
      const link = yield* linkKeysOf(granted.linkSecret)
      const next = { number: granted.state.number + 1, previous: granted.state.head, by: link.grant }
      const byLink = yield* signJson(link.secret, yield* grantBy(owner), next)
      assert.strictEqual(yield* tried(granted.state, byLink), "authority")
    }).pipe(run)
  )

  it.effect("ROSTER-5 an owner revokes anyone, everyone else only itself, nobody twice, never the last owner", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const editor = yield* join(state, owner, "editor")
      const reader = yield* join(editor.state, owner, "reader")
      const all = reader.state
      const revoke = (by: Person, device: Person["device"]) =>
        Effect.flatMap(revocation(all, by, { device }), (bytes) => tried(all, bytes))
      assert.strictEqual(yield* revoke(editor.person, reader.person.device), "authority")
      assert.strictEqual(yield* revoke(editor.person, owner.device), "authority")
      assert.strictEqual(yield* revoke(editor.person, editor.person.device), "appended")
      assert.strictEqual(yield* revoke(owner, (yield* makePerson()).device), "authority")
      assert.strictEqual(yield* revoke(owner, owner.device), "lastOwner")
      const byEditor = yield* revocation(all, editor.person, { grant: reader.grant })
      assert.strictEqual(yield* tried(all, byEditor), "authority")
      const out = (yield* appendStatement(all, yield* revocation(all, owner, { device: reader.person.device }))).state
      assert.strictEqual(out.devices.get(reader.person.device)?.revokedAt, out.number)
      const again = yield* revocation(out, owner, { device: reader.person.device })
      assert.strictEqual(yield* tried(out, again), "alreadyThere")
    }).pipe(run)
  )

  it.effect("ROSTER-5 an owner may go while another one stays", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const second = yield* join(state, owner, "owner")
      const left = (yield* appendStatement(second.state, yield* revocation(second.state, owner, owner))).state
      assert.strictEqual(yield* tried(left, yield* revocation(left, second.person, second.person)), "lastOwner")
      assert.strictEqual(yield* tried(left, yield* revocation(left, owner, second.person)), "authority")
    }).pipe(run)
  )

  it.effect("ROSTER-6 a revoked grant lets nobody in, and a revoked device's grants end with it", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const second = yield* join(state, owner, "owner")
      const byOwner = yield* grantTo(second.state, owner, "editor", 5)
      const bySecond = yield* grantTo(byOwner.state, second.person, "owner", 5)
      const all = bySecond.state
      const noGrant = (yield* appendStatement(all, yield* revocation(all, owner, { grant: byOwner.grant }))).state
      const late = yield* admission(noGrant, byOwner.grant, byOwner.linkSecret)
      assert.strictEqual(yield* tried(noGrant, late.bytes), "grantRevoked")
      const noDevice = (yield* appendStatement(noGrant, yield* revocation(noGrant, owner, second.person))).state
      const back = yield* admission(noDevice, bySecond.grant, bySecond.linkSecret)
      assert.strictEqual(yield* tried(noDevice, back.bytes), "grantRevoked")
      assert.strictEqual(noDevice.grants.get(bySecond.grant)?.revokedAt, noDevice.number)
      assert.strictEqual(noDevice.grants.get(byOwner.grant)?.revokedAt, noGrant.number)
      const { bytes } = yield* makeGrant({
        state: noDevice,
        ...second.person,
        by: second.person.device,
        role: "reader",
        expiresAt: at,
        uses: 1,
        at
      })
      assert.strictEqual(yield* tried(noDevice, bytes), "authority")
    }).pipe(run)
  )

  it.effect("ROSTER-7 a statement of an unknown kind is kept and gives nobody rights", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const joined = yield* join(state, owner, "editor")
      const place = { number: joined.state.number + 1, previous: joined.state.head }
      const promote = { ...place, kind: "promote", device: joined.person.device, role: "owner" }
      const bytes = yield* signJson(owner.secret, joined.bytes, promote)
      const { state: later, body } = yield* appendStatement(joined.state, bytes)
      assert.strictEqual(body.kind, "unknown")
      assert.isTrue(later.tooNew)
      assert.strictEqual(later.tooNewAt, joined.state.number + 1)
      assert.strictEqual(later.devices.get(joined.person.device)?.role, "editor")
      const next = yield* grantTo(later, owner, "reader")
      assert.isTrue(next.state.tooNew)
      assert.strictEqual(next.state.number, later.number + 1)
    }).pipe(run)
  )

  it.effect("ROSTER-7 unknown fields of a known kind are kept in the bytes and ignored", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const { bytes } = yield* grantTo(state, owner, "editor")
      assert.strictEqual(yield* tried(state, yield* signJson(owner.secret, bytes, { label: "phone" })), "appended")
    }).pipe(run)
  )

  it.effect("ROSTER-8 an unknown kind is verified by its author, and after it a missing right is not final", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const joined = yield* join(state, owner, "editor")
      const promote = { number: joined.state.number + 1, previous: joined.state.head, kind: "promote" }
      const sign = (by: Person, change: object) => signJson(by.secret, joined.bytes, { ...promote, ...change })
      assert.strictEqual(yield* tried(joined.state, yield* sign(joined.person, {})), "signature")
      assert.strictEqual(yield* tried(joined.state, yield* sign(owner, { by: undefined })), "malformed")
      assert.strictEqual(yield* tried(joined.state, yield* sign(owner, { previous: undefined })), "malformed")
      assert.strictEqual(yield* tried(joined.state, yield* sign(owner, { previous: "A".repeat(43) })), "malformed")
      const stranger = yield* makePerson()
      assert.strictEqual(yield* tried(joined.state, yield* sign(stranger, { by: stranger.device })), "authority")
      const later = (yield* appendStatement(joined.state, yield* sign(owner, {}))).state
      const byEditor = yield* makeGrant({
        state: later,
        ...joined.person,
        by: joined.person.device,
        role: "reader",
        expiresAt: at,
        uses: 1,
        at
      })
      assert.strictEqual(yield* tried(later, byEditor.bytes), "tooNew")
      assert.strictEqual(yield* tried(later, yield* revocation(later, owner, owner)), "tooNew")
    }).pipe(run)
  )

  it.effect("ROSTER-9 a grant's expiry is asked of the server's clock alone", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const granted = yield* grantTo(state, owner, "editor")
      const grant = granted.state.grants.get(granted.grant)
      assert.isDefined(grant)
      if (grant === undefined) return
      assert.isFalse(grantIsExpired(grant, grant.expiresAt - 1))
      assert.isTrue(grantIsExpired(grant, grant.expiresAt))
      const { bytes } = yield* admission(granted.state, granted.grant, granted.linkSecret)
      const late = yield* signJson((yield* linkKeysOf(granted.linkSecret)).secret, bytes, { at: grant.expiresAt + 1 })
      assert.strictEqual(yield* tried(granted.state, late), "appended")
    }).pipe(run)
  )

  it.effect("ROSTER-11 a roster ends at statementCountMax statements", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const almost = { ...state, number: RosterNumber.make(statementCountMax - 1) }
      const last = yield* revocation(almost, owner, owner)
      assert.strictEqual(yield* tried(almost, last), "lastOwner")
      const full = { ...state, number: RosterNumber.make(statementCountMax) }
      assert.strictEqual(yield* tried(full, yield* revocation(full, owner, owner)), "tooMany")
    }).pipe(run)
  )
})

describe("a changed statement", () => {
  it.effect("ROSTER-10 each field of each kind is under the signature", () =>
    Effect.gen(function* () {
      const { owner, state, bytes } = yield* found()
      const joined = yield* join(state, owner, "editor")
      const granted = joined.statements[0] ?? bytes
      const admitted = joined.statements[1] ?? bytes
      const afterGrant = (yield* appendStatement(state, granted)).state
      const revoked = yield* revocation(joined.state, owner, joined.person)
      const cases = [
        { before: undefined, statement: bytes },
        { before: state, statement: granted },
        { before: afterGrant, statement: admitted },
        { before: joined.state, statement: revoked }
      ]
      for (const { before, statement } of cases) {
        assert.strictEqual(yield* tried(before, statement), "appended")
        for (let place = 0; place < statement.length; place++) {
          const changed = statement.slice()
          changed[place] = (changed[place] ?? 0) ^ 1
          assert.notStrictEqual(yield* tried(before, changed), "appended", `byte ${place}`)
        }
      }
    }).pipe(run)
  )

  it.effect("ROSTER-10 a signature made for another purpose is none", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      const { bytes } = yield* grantTo(state, owner, "editor")
      const primitives = yield* Primitives
      const body = bytes.subarray(0, bytes.length - 64)
      for (const context of ["", "tidemark/entry/1", "tidemark/proof/1"]) {
        const message = new Uint8Array([...new TextEncoder().encode(context), ...body])
        const forged = new Uint8Array([...body, ...(yield* primitives.sign(owner.secret.signingSeed, message))])
        assert.strictEqual(yield* tried(state, forged), "signature", context)
      }
      const message = new Uint8Array([...new TextEncoder().encode(statementContext), ...body])
      const honest = new Uint8Array([...body, ...(yield* primitives.sign(owner.secret.signingSeed, message))])
      assert.deepStrictEqual(honest, bytes)
    }).pipe(run)
  )
})

describe("folding", () => {
  it.effect("ROSTER-12 a fold is the same as appending one by one, and goes on from a state", () =>
    Effect.gen(function* () {
      const { owner, state, bytes } = yield* found()
      const one = yield* join(state, owner, "owner")
      const two = yield* join(one.state, one.person, "reader")
      const folded = yield* foldRoster([bytes, ...one.statements, ...two.statements])
      assert.deepStrictEqual(folded, { state: two.state })
      assert.deepStrictEqual(yield* foldRoster(two.statements, one.state), { state: two.state })
      assert.strictEqual(one.state.number, 3)
      assert.strictEqual(one.state.devices.size, 2)
      assert.deepStrictEqual(yield* foldRoster([]), { state: undefined })
    }).pipe(run)
  )

  it.effect("ROSTER-12 a fold stops at the first bad statement and says which", () =>
    Effect.gen(function* () {
      const { owner, state, bytes } = yield* found()
      const joined = yield* join(state, owner, "editor")
      const [grant, admit] = joined.statements
      if (grant === undefined || admit === undefined) return assert.fail("a join has two statements")
      const withoutGrant = yield* foldRoster([bytes, admit, grant])
      assert.strictEqual(withoutGrant.refusedAt?.index, 1)
      assert.deepStrictEqual(withoutGrant.state, state)
      const nothing = yield* foldRoster([bytes.subarray(1), bytes])
      assert.strictEqual(nothing.refusedAt?.index, 0)
      assert.isUndefined(nothing.state)
    }).pipe(run)
  )
})
