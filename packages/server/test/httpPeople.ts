/** Owners, links and joiners over HTTP, with the real client. */
import { Effect } from "effect"
import {
  deviceIdOf,
  foldRoster,
  makeAdmit,
  makeDeviceSecret,
  makeGrant,
  makeProof,
  makeRevoke,
  publicKeysOf,
  statementText
} from "@tidemark/crypto"
import { decodeRosterPage, type DeviceId, type Role, RosterNumber, type WorkspaceId } from "@tidemark/protocol"
import { makeFounder, type TestDevice } from "@tidemark/testing/suites/internal/serverFixtures"
import { makeClient } from "./httpServer.ts"
import type { Member, TestLink } from "./people.ts"

const rosterOf = (address: string, token: string, workspace: WorkspaceId) =>
  Effect.gen(function* () {
    const client = yield* makeClient(address, token)
    const frame = yield* client.access.roster({ params: { workspace }, query: { after: RosterNumber.make(0) } })
    const { state } = yield* foldRoster((yield* Effect.fromResult(decodeRosterPage(frame))).statements)
    return state ?? (yield* Effect.die(new Error("a pulled roster folds")))
  })

/** Founds a workspace. */
export const foundOverHttp = (address: string) =>
  Effect.gen(function* () {
    const client = yield* makeClient(address)
    const founder = yield* makeFounder
    const { secret, workspace } = founder
    const { challenge } = yield* client.entrance.challenge()
    const proof = yield* makeProof({ secret, action: "found", workspace, challenge })
    const statement = statementText(founder.statement)
    const { token } = yield* client.entrance.found({ payload: { statements: [statement], proof } })
    return { ...founder, token }
  })

/** Makes a link that lasts an hour. */
export const linkOverHttp = (address: string, owner: Member, role: Role) =>
  Effect.gen(function* () {
    const client = yield* makeClient(address, owner.token)
    const { device: by, keyring, secret, workspace } = owner
    const state = yield* rosterOf(address, owner.token, workspace)
    const expiresAt = Date.now() + 3_600_000
    const made = yield* makeGrant({ state, secret, by, keyring, role, expiresAt, uses: 1, at: Date.now() })
    const payload = { statement: statementText(made.bytes) }
    const { accessToken } = yield* client.access.grant({ params: { workspace }, payload })
    return { ...made, accessToken, workspace }
  })

/** Comes in by a link. */
export const joinOverHttp = (address: string, link: TestLink, owner: TestDevice) =>
  Effect.gen(function* () {
    const { accessToken, grant, linkSecret, workspace } = link
    const { keyring } = owner
    const client = yield* makeClient(address, accessToken)
    const secret = yield* makeDeviceSecret
    const state = yield* rosterOf(address, accessToken, workspace)
    const bytes = yield* makeAdmit({ state, grant, linkSecret, device: secret, keyring, at: Date.now() })
    const { challenge } = yield* client.entrance.challenge()
    const proof = yield* makeProof({ secret, action: "admit", workspace, challenge })
    const payload = { statement: statementText(bytes), proof }
    const { token } = yield* client.access.admit({ params: { workspace }, payload })
    const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
    return { secret, device, keyring, workspace, token }
  })

/** Ends a device's access. */
export const revokeOverHttp = (address: string, owner: Member, device: DeviceId) =>
  Effect.gen(function* () {
    const { device: by, secret, token, workspace } = owner
    const client = yield* makeClient(address, token)
    const { chain, head, logId } = yield* client.log.head({ params: { workspace } })
    const state = yield* rosterOf(address, token, workspace)
    const seen = { logId, seq: head, chain }
    const bytes = yield* makeRevoke({ state, secret, by, target: { device }, seen, at: Date.now() })
    return yield* client.access.revoke({ params: { workspace }, payload: { statement: statementText(bytes) } })
  })
