/** Owners, links and joiners, played through `SyncService` as a real client would. */
import { Effect } from "effect"
import {
  deviceIdOf,
  foldRoster,
  makeAdmit,
  makeDeviceSecret,
  makeGrant,
  makeProof,
  makeRevoke,
  type MadeGrant,
  publicKeysOf,
  statementText
} from "@tidemark/crypto"
import {
  type Cursor,
  decodeRosterPage,
  type DeviceId,
  encodePush,
  type GrantId,
  type ProofAction,
  type Role,
  RosterNumber,
  type WorkspaceId
} from "@tidemark/protocol"
import { SyncService } from "@tidemark/server"
import { makeEntries, makeFounder, type TestDevice } from "@tidemark/testing/suites/internal/serverFixtures"

/** A device with a token. */
export interface Member extends TestDevice {
  readonly token: string
}

/** Where requests without a token come from in these tests. */
export const from = "192.0.2.1"

/** A proof by a device, with a fresh challenge. */
export const prove = (
  { secret, workspace }: Pick<TestDevice, "secret"> & { readonly workspace: WorkspaceId },
  action: ProofAction
) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const { challenge } = yield* sync.challenge({ from })
    return yield* makeProof({ secret, action, workspace, challenge })
  })

/** An owner whose workspace the server holds, with the master token. */
export const makeOwner = Effect.gen(function* () {
  const sync = yield* SyncService
  const founder = yield* makeFounder
  const proof = yield* prove(founder, "found")
  const answer = yield* sync.found({ statements: [statementText(founder.statement)], proof, from })
  return { ...founder, token: answer.token, logId: answer.logId }
})

/** A caller and the workspace of the path, as every authorized method wants them. */
export const asked = (member: { readonly token: string; readonly workspace: WorkspaceId }) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    return { caller: yield* sync.authenticate(member.token), workspace: member.workspace }
  })

/** The roster as a member pulls it. */
export const pullRoster = (member: { readonly token: string; readonly workspace: WorkspaceId }) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const frame = yield* sync.roster({ ...(yield* asked(member)), after: RosterNumber.make(0) })
    const { statements } = yield* Effect.fromResult(decodeRosterPage(frame))
    const { state } = yield* foldRoster(statements)
    return state ?? (yield* Effect.die(new Error("a pulled roster folds")))
  })

/** A link: the grant, and the access token that goes with it. */
export interface TestLink extends MadeGrant {
  readonly accessToken: string
  readonly workspace: WorkspaceId
}

/** A grant statement by an owner; `expiresAt` epoch milliseconds. */
export const grantStatement = (owner: Member, role: Role, expiresAt = 3_600_000, uses = 1) =>
  Effect.gen(function* () {
    const state = yield* pullRoster(owner)
    const { device: by, keyring, secret } = owner
    return yield* makeGrant({ state, secret, by, keyring, role, expiresAt, uses, at: 0 })
  })

/** A link that an owner makes. */
export const makeLink = (owner: Member, role: Role, expiresAt?: number, uses?: number) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const made = yield* grantStatement(owner, role, expiresAt, uses)
    const answer = yield* sync.grant({ ...(yield* asked(owner)), statement: statementText(made.bytes) })
    return { ...made, accessToken: answer.accessToken, workspace: owner.workspace }
  })

/** What a new device sends to come in by a link. */
export const admission = (link: TestLink, owner: TestDevice) =>
  Effect.gen(function* () {
    const secret = yield* makeDeviceSecret
    const state = yield* pullRoster({ token: link.accessToken, workspace: link.workspace })
    const { grant, linkSecret, workspace } = link
    const bytes = yield* makeAdmit({ state, grant, linkSecret, device: secret, keyring: owner.keyring, at: 0 })
    const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
    return { statement: statementText(bytes), secret, device, keyring: owner.keyring, workspace }
  })

/** A device that comes in by a link, with the owner away. */
export const join = (link: TestLink, owner: TestDevice) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const joiner = yield* admission(link, owner)
    const asking = yield* asked({ token: link.accessToken, workspace: link.workspace })
    const proof = yield* prove(joiner, "admit")
    const { token } = yield* sync.admit({ ...asking, statement: joiner.statement, proof })
    return { ...joiner, token }
  })

/** Lets a device in with a role. */
export const makeMember = (owner: Member, role: Role) =>
  Effect.flatMap(makeLink(owner, role), (link) => join(link, owner))

/** Ends a device's or a grant's access. */
export const revoke = (owner: Member, target: { readonly device: DeviceId } | { readonly grant: GrantId }) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const asking = yield* asked(owner)
    const { chain, head, logId } = yield* sync.head(asking)
    const seen: Cursor = { logId, seq: head, chain }
    const state = yield* pullRoster(owner)
    const bytes = yield* makeRevoke({ state, secret: owner.secret, by: owner.device, target, seen, at: 0 })
    return yield* sync.revoke({ ...asking, statement: statementText(bytes) })
  })

/** Pushes `count` entries from a DeviceSeq on. */
export const push = (member: Member, first: number, count: number) =>
  Effect.gen(function* () {
    const sync = yield* SyncService
    const frame = encodePush(makeEntries(member.device, first, count))
    return yield* sync.push({ ...(yield* asked(member)), frame })
  })
