import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { appendStatement, foldRoster, grantIsExpired, Primitives } from "@tidemark/crypto"
import { statementCountMax, StatementRefused } from "@tidemark/protocol"
import { admission, at, found, grantTo, join, makePerson, revocation } from "./fixture.ts"

/** Why a statement was not appended: a refusal's reason, or `malformed`; `appended` where it was. */
const outcome = <A>(result: Result.Result<A, { readonly _tag: string }>): string => {
  if (Result.isSuccess(result)) return "appended"
  return result.failure instanceof StatementRefused ? result.failure.reason : result.failure._tag.toLowerCase()
}

const run = Effect.provide(Primitives.layerWebCrypto)
const tried = (...input: Parameters<typeof appendStatement>) =>
  Effect.map(Effect.result(appendStatement(...input)), outcome)

describe("roster", () => {
  it.effect("ROSTER-1 a founder is the first owner of the workspace its key names", () =>
    Effect.gen(function* () {
      const { owner, state } = yield* found()
      assert.strictEqual(state.number, 1)
      assert.deepStrictEqual([...state.devices.keys()], [owner.device])
      assert.strictEqual(state.devices.get(owner.device)?.role, "owner")
    }).pipe(run)
  )

  it.effect("ROSTER-3 a device joins over a link with the grant's role, using it up", () =>
    Effect.gen(function* () {
      const { owner, state, bytes } = yield* found()
      const joined = yield* join(state, owner, "editor")
      assert.strictEqual(joined.state.devices.get(joined.person.device)?.role, "editor")
      assert.deepStrictEqual(joined.person.keyring, owner.keyring)
      const late = yield* admission(joined.state, joined.grant, joined.linkSecret)
      assert.strictEqual(yield* tried(joined.state, late.bytes), "grantSpent")
      const folded = yield* foldRoster([bytes, ...joined.statements])
      assert.deepStrictEqual(folded.state, joined.state)
      assert.strictEqual(
        yield* tried(joined.state, yield* revocation(joined.state, owner, { device: owner.device })),
        "lastOwner"
      )
    }).pipe(run)
  )
})
