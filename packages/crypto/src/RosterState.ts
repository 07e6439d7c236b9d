/** What the statements of a roster add up to: devices, grants, and where the chain stands. Rules: docs/spec/roster.md. */
import type { DeviceId, GrantId, Hash, KeyWrap, PublicKeys, Role, RosterNumber, WorkspaceId } from "@tidemark/protocol"

/** A device of the roster. `number` is the statement that let it in, `revokedAt` the one that put it out. */
export interface RosterDevice {
  readonly keys: PublicKeys
  readonly role: Role
  /** The grant it came by; absent for the founder, and for a copy. */
  readonly admittedBy?: GrantId
  /** The device that let it in as a copy of itself. */
  readonly copyOf?: DeviceId
  readonly wraps: ReadonlyArray<KeyWrap>
  readonly number: RosterNumber
  readonly revokedAt?: RosterNumber
}

/**
 * A grant of the roster. `expiresAt` is epoch milliseconds by the server's clock; `uses` the devices it may let in, `usesLeft`
 * those it still may.
 */
export interface RosterGrant {
  readonly link: PublicKeys
  readonly role: Role
  readonly by: DeviceId
  readonly expiresAt: number
  readonly uses: number
  readonly usesLeft: number
  readonly wraps: ReadonlyArray<KeyWrap>
  readonly number: RosterNumber
  readonly revokedAt?: RosterNumber
}

/** The roster after `number` statements, unions among them; `head` is the hash of the last. Immutable. */
export interface RosterState {
  readonly workspace: WorkspaceId
  readonly number: RosterNumber
  readonly head: Hash
  readonly devices: ReadonlyMap<DeviceId, RosterDevice>
  readonly grants: ReadonlyMap<GrantId, RosterGrant>
  /** Whether a statement of a kind this code does not know was met: rights may differ from what stands here. */
  readonly tooNew: boolean
  /** The number of the first such statement. */
  readonly tooNewAt?: RosterNumber
}

/** The role of a device that was let in and is not revoked; undefined of any other. */
export const activeRole = ({ devices }: Pick<RosterState, "devices">, device: DeviceId): Role | undefined => {
  const held = devices.get(device)
  return held?.revokedAt === undefined ? held?.role : undefined
}
