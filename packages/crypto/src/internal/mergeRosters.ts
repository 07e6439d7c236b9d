/** What two branches of one roster add up to: everybody either let in, without whom either put out [ROSTER-15, ROSTER-16]. */
import type { DeviceId, GrantId, Hash, RosterNumber } from "@tidemark/protocol"
import type { RosterDevice, RosterGrant, RosterState } from "../RosterState.ts"

interface Given {
  readonly devices: ReadonlySet<DeviceId>
  readonly grants: ReadonlySet<GrantId>
}

/**
 * What `side` gave, unknown to `other`, by a right that `other` had ended: it would let in again whom a revocation put out.
 * What was given by what is in it is in it too.
 */
const givenInVain = (side: RosterState, other: RosterState): Given => {
  const devices = new Set<DeviceId>()
  const grants = new Set<GrantId>()
  const isOut = (id: DeviceId) => devices.has(id) || other.devices.get(id)?.revokedAt !== undefined
  for (let before = -1; before < devices.size + grants.size;) {
    before = devices.size + grants.size
    for (const [id, { by }] of side.grants) {
      const known = other.grants.get(id)
      if (known === undefined ? isOut(by) : known.revokedAt !== undefined) grants.add(id)
    }
    for (const [id, { admittedBy, copyOf }] of side.devices) {
      if (other.devices.has(id)) continue
      const isVain = (admittedBy !== undefined && grants.has(admittedBy)) || (copyOf !== undefined && isOut(copyOf))
      if (isVain) devices.add(id)
    }
  }
  return { devices, grants }
}

interface Ended {
  readonly number: RosterNumber
  readonly revokedAt?: RosterNumber
}

/**
 * The number of the end of what stands on one side or both: the later one where both ended it, the union's own where only
 * one did. So entries that were good on the other branch stay good everywhere [ROSTER-17].
 */
const endOf = (
  one: Ended | undefined,
  other: Ended | undefined,
  isVain: boolean,
  union: RosterNumber
): RosterNumber | undefined => {
  const [a, b] = [one?.revokedAt, other?.revokedAt]
  if (a !== undefined && b !== undefined) return a > b ? a : b
  const isOnBoth = one !== undefined && other !== undefined
  if (a !== undefined || b !== undefined) return isOnBoth ? union : (a ?? b)
  return isVain ? union : undefined
}

/** The entries of both maps, those of the first first, each with what either side has. */
function* pairsOf<Id, A extends Ended>(one: ReadonlyMap<Id, A>, other: ReadonlyMap<Id, A>) {
  for (const id of new Set([...one.keys(), ...other.keys()])) {
    const [a, b] = [one.get(id), other.get(id)]
    const first = a === undefined || (b !== undefined && b.number < a.number) ? b : a
    if (first !== undefined) yield [id, first, a, b] as const
  }
}

const withEnd = <A extends Ended>(item: A, revokedAt: RosterNumber | undefined): A =>
  revokedAt === undefined ? item : { ...item, revokedAt }

/** How many devices each grant let in. */
const countsByGrant = (devices: Iterable<RosterDevice>): ReadonlyMap<GrantId, number> => {
  const counts = new Map<GrantId, number>()
  for (const { admittedBy } of devices) {
    if (admittedBy !== undefined) counts.set(admittedBy, (counts.get(admittedBy) ?? 0) + 1)
  }
  return counts
}

/** The roster after a union, which has this number and hash. Neither state is changed. */
export const mergeRosters = (
  one: RosterState,
  other: RosterState,
  place: { readonly number: RosterNumber; readonly head: Hash }
): RosterState => {
  const { number } = place
  const vain = [givenInVain(one, other), givenInVain(other, one)]
  const devices = new Map<DeviceId, RosterDevice>()
  for (const [id, first, a, b] of pairsOf(one.devices, other.devices)) {
    const isVain = vain.some((given) => given.devices.has(id))
    devices.set(id, withEnd(first, endOf(a, b, isVain, number)))
  }
  const counts = countsByGrant(devices.values())
  const grants = new Map<GrantId, RosterGrant>()
  for (const [id, first, a, b] of pairsOf(one.grants, other.grants)) {
    const isVain = vain.some((given) => given.grants.has(id))
    // Both branches may have used it up: nobody is thrown out for that.
    const usesLeft = Math.max(0, first.uses - (counts.get(id) ?? 0))
    grants.set(id, withEnd({ ...first, usesLeft }, endOf(a, b, isVain, number)))
  }
  const { workspace } = one
  const tooNew = [one.tooNewAt, other.tooNewAt].filter((at) => at !== undefined).toSorted((a, b) => a - b)[0]
  return {
    workspace,
    ...place,
    devices,
    grants,
    ...(tooNew === undefined ? { tooNew: false } : { tooNew: true, tooNewAt: tooNew })
  }
}
