/** Workspaces, devices and entries for the server's contract suites: real statements, opaque entries. */
import { Effect } from "effect"
import {
  appendStatement,
  deviceIdOf,
  type DeviceSecret,
  type Keyring,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeGrant,
  makeKeyring,
  makeRevoke,
  publicKeysOf,
  type RosterState
} from "@tidemark/crypto"
import {
  type DeviceId,
  DeviceSeq,
  DocId,
  encodeHeader,
  entryBytesMin,
  entryKinds,
  KeyId,
  type LogHead,
  type Role,
  RosterNumber,
  type Seq,
  type WorkspaceId
} from "@tidemark/protocol"
import { Log, Roster } from "@tidemark/server"

/** The moment every statement of the suites claims; the tests' clock starts at 0, so that grants are open. */
const at = 0

/** A device and what it holds. */
export interface TestDevice {
  readonly secret: DeviceSecret
  readonly device: DeviceId
  readonly keyring: Keyring
  readonly workspace: WorkspaceId
}

/** A device that founds a workspace, and its statement, which no server has yet. */
export const makeFounder = Effect.gen(function* () {
  const secret = yield* makeDeviceSecret
  const keyring = yield* makeKeyring
  const statement = yield* makeFound({ secret, keyring, at })
  const { state } = yield* appendStatement(undefined, statement)
  const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
  return { secret, device, keyring, workspace: state.workspace, statement, state }
})

/** A founder whose workspace the server holds. */
export const founded = Effect.gen(function* () {
  const roster = yield* Roster
  const founder = yield* makeFounder
  yield* roster.found(
    [founder.statement],
    () => Effect.void,
    () => Effect.void
  )
  return founder
})

/** A grant by an owner, as a statement that follows `state`. */
export const grantBy = (owner: TestDevice, state: RosterState, role: Role, uses = 1) =>
  makeGrant({
    state,
    secret: owner.secret,
    by: owner.device,
    keyring: owner.keyring,
    role,
    expiresAt: 1_000_000,
    uses,
    at
  })

/** Lets a new device in with a role, through the server. */
export const admitted = (owner: TestDevice, role: Role) =>
  Effect.gen(function* () {
    const roster = yield* Roster
    const made = yield* grantBy(owner, yield* roster.state(owner.workspace), role)
    const { state } = yield* roster.append(owner.workspace, made.bytes)
    const secret = yield* makeDeviceSecret
    const { grant, linkSecret } = made
    const statement = yield* makeAdmit({ state, grant, linkSecret, device: secret, keyring: owner.keyring, at })
    yield* roster.append(owner.workspace, statement)
    const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
    return { secret, device, keyring: owner.keyring, workspace: owner.workspace }
  })

/** The statement by which an owner revokes a device, at the server's present roster. */
export const revocationOf = (owner: TestDevice, device: DeviceId) =>
  Effect.gen(function* () {
    const roster = yield* Roster
    const log = yield* Log
    const { chain, head, logId } = yield* log.head(owner.workspace)
    const state = yield* roster.state(owner.workspace)
    const seen = { logId, seq: head, chain }
    return yield* makeRevoke({ state, secret: owner.secret, by: owner.device, target: { device }, seen, at })
  })

/** An opaque entry. `fill` makes two entries of the same number differ; `bytes` is its whole length. */
export const makeEntry = (options: {
  readonly device: DeviceId
  readonly deviceSeq: number
  readonly roster?: number
  readonly fill?: number
  readonly bytes?: number
  readonly version?: number
  readonly doc?: DocId
  readonly kind?: number
}): Uint8Array => {
  const entry = new Uint8Array(options.bytes ?? entryBytesMin).fill(options.fill ?? 1)
  entry.set(
    encodeHeader({
      version: options.version ?? 1,
      suite: 1,
      kind: options.kind ?? entryKinds.update,
      keyId: KeyId.make("AAAAAAAAAAA"),
      doc: options.doc ?? DocId.make("AAAAAAAAAAAAAAAAAAAAAA"),
      device: options.device,
      deviceSeq: DeviceSeq.make(options.deviceSeq),
      roster: RosterNumber.make(options.roster ?? 1),
      part: 0,
      parts: 1,
      nonce: new Uint8Array(12)
    })
  )
  return entry
}

/** `count` entries with DeviceSeqs from `first` on. */
export const makeEntries = (device: DeviceId, first: number, count: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, index) => makeEntry({ device, deviceSeq: first + index }))

/** Where a cursor stands after a head was read. */
export const cursorOf = ({
  chain,
  head,
  logId
}: LogHead): { after: Seq; logId: LogHead["logId"]; chain: LogHead["chain"] } => ({
  after: head,
  logId,
  chain
})
