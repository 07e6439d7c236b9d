/** Devices of one new workspace, let in over HTTP as real ones are. */
import { Clock, Effect, Result } from "effect"
import {
  deviceIdOf,
  type DeviceSecret,
  foldRoster,
  type Keyring,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeGrant,
  makeKeyring,
  makeProof,
  publicKeysOf,
  statementText,
  workspaceIdOf
} from "@tidemark/crypto"
import { type DeviceId, type LogId, RosterNumber } from "@tidemark/protocol"
import { ServerApi, type ServerError, type Session } from "@tidemark/replica"
import type { Ledger } from "./Ledger.ts"

/** A link lasts longer than any run. */
const grantMillis = 3_600_000

/** A device that may write. */
export interface Member {
  /** With the token it has now: a renewal takes its place. */
  session: Session
  readonly device: DeviceId
  readonly secret: DeviceSecret
  readonly keyring: Keyring
  readonly logId: LogId
}

const rosterOf = Effect.fnUntraced(function* (session: Session) {
  const api = yield* ServerApi
  const { statements } = yield* api.roster(session, RosterNumber.make(0))
  const { state } = yield* foldRoster(statements)
  return state ?? (yield* Effect.die(new Error("a roster that was founded folds")))
})

const found = Effect.gen(function* () {
  const api = yield* ServerApi
  const secret = yield* makeDeviceSecret
  const keyring = yield* makeKeyring
  const keys = yield* publicKeysOf(secret)
  const workspace = workspaceIdOf(keys.signing)
  const statement = yield* makeFound({ secret, keyring, at: yield* Clock.currentTimeMillis })
  const proof = yield* makeProof({ secret, action: "found", workspace, challenge: yield* api.challenge })
  const { logId, token } = yield* api.found({ statements: [statementText(statement)], proof })
  const device = deviceIdOf(keys.signing)
  return { session: { workspace, token, device }, device, secret, keyring, logId } satisfies Member
})

const join = Effect.fnUntraced(function* (owner: Member) {
  const api = yield* ServerApi
  const { keyring, logId } = owner
  const at = yield* Clock.currentTimeMillis
  const { bytes, grant, linkSecret } = yield* makeGrant({
    state: yield* rosterOf(owner.session),
    ...{ secret: owner.secret, by: owner.device, keyring, role: "editor", expiresAt: at + grantMillis, uses: 1, at }
  })
  const { accessToken } = yield* api.grant(owner.session, statementText(bytes))
  const link = { workspace: owner.session.workspace, token: accessToken }
  const secret = yield* makeDeviceSecret
  const state = yield* rosterOf(link)
  const statement = yield* makeAdmit({ state, grant, linkSecret, device: secret, keyring, at })
  const challenge = yield* api.challenge
  const proof = yield* makeProof({ secret, action: "admit", workspace: link.workspace, challenge })
  const { token } = yield* api.admit(link, statementText(statement), proof)
  const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
  return { session: { ...link, token, device }, device, secret, keyring, logId } satisfies Member
})

/** What a client takes for a reason to ask for another token. */
const isStale = (error: ServerError): boolean =>
  error._tag === "Unauthorized" && ["expired", "forged"].includes(error.reason)

/**
 * Gets a member another token where that is what a server's refusal asks for. Whether that, or nothing but a server that
 * was away, or a clock that was set between a challenge and its answer, is all there is to a failed call.
 */
export const meetRefusal = (member: Member, api: ServerApi["Service"], ledger: Ledger, error: ServerError) =>
  Effect.gen(function* () {
    if (!isStale(error)) return ["Unreachable", "StorageFailed"].includes(error._tag)
    const { device, secret, session } = member
    const renewed = yield* Effect.result(
      Effect.gen(function* () {
        const challenge = yield* api.challenge
        const proof = yield* makeProof({ secret, action: "renew", workspace: session.workspace, challenge })
        return yield* api.renew({ workspace: session.workspace, device, proof })
      })
    )
    if (Result.isSuccess(renewed)) {
      member.session = { ...session, token: renewed.success.token }
      ledger.renewed++
      return true
    }
    const { failure } = renewed
    const isOfAnotherTime = failure._tag === "Unauthorized" && failure.reason === "challenge"
    return isOfAnotherTime || ["Unreachable", "StorageFailed"].includes(failure._tag)
  })

/** Founds a workspace and lets `count − 1` editors in. Their tokens last `tokenMillis`. */
export const makeCrew = Effect.fnUntraced(function* (count: number) {
  const owner = yield* found
  const members: Array<Member> = [owner]
  while (members.length < count) members.push(yield* join(owner))
  return members
})
