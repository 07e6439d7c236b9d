/** A roster while statements are being appended: the same as `RosterState`, with maps that are written in place. */
import {
  type Admit,
  decodeStatement,
  deviceCopyCountMax,
  DeviceId,
  type Found,
  type Grant,
  GrantId,
  Hash,
  Malformed,
  type PublicKey,
  type Revoke,
  RosterNumber,
  statementContext,
  statementCountMax,
  StatementRefused,
  type StatementPieces,
  type StatementRefusedReason,
  WorkspaceId
} from "@tidemark/protocol"
import { Effect, Result, Schema } from "effect"
import { deviceIdOf, grantIdOf, hashOf, workspaceIdOf } from "../Hash.ts"
import { Primitives } from "../Primitives.ts"
import type { RosterDevice, RosterGrant, RosterState } from "../RosterState.ts"
import { joinBytes, utf8 } from "./bytes.ts"

/** Owned by whoever made it; `stateOf` hands its maps on, so a draft is not written to after that. */
export interface RosterDraft {
  readonly workspace: WorkspaceId
  number: RosterNumber
  head: Hash
  readonly devices: Map<DeviceId, RosterDevice>
  readonly grants: Map<GrantId, RosterGrant>
  tooNewAt: RosterNumber | undefined
}

export const draftOf = (state: RosterState): RosterDraft => ({
  workspace: state.workspace,
  number: state.number,
  head: state.head,
  devices: new Map(state.devices),
  grants: new Map(state.grants),
  tooNewAt: state.tooNewAt
})

export const stateOf = ({ tooNewAt, ...draft }: RosterDraft): RosterState =>
  tooNewAt === undefined ? { ...draft, tooNew: false } : { ...draft, tooNew: true, tooNewAt }

type Refusal = StatementRefused | Malformed
type Checked = Result.Result<void, Refusal>

const malformed = (message: string) => Result.fail(new Malformed({ what: "statement", message }))
const refused = (reason: StatementRefusedReason, message: string) =>
  Result.fail(new StatementRefused({ reason, message }))
const fine: Checked = Result.succeed(undefined)

/** Where rights may have changed in a way this code cannot read, lacking a right is not final [ROSTER-8]. */
const withoutRight = (draft: RosterDraft, reason: StatementRefusedReason, message: string) =>
  draft.tooNewAt === undefined
    ? refused(reason, message)
    : refused("tooNew", `${message}, or an app of this age cannot see why it may; update the app`)

/** What every statement of layout 1 carries, whatever its kind: its place and its author [ROSTER-8]. */
const LaterKind = Schema.fromJsonString(
  Schema.Struct({ workspace: WorkspaceId, number: RosterNumber, previous: Hash, by: Schema.Union([DeviceId, GrantId]) })
)

interface Place {
  readonly workspace: WorkspaceId
  readonly number: RosterNumber
  readonly previous?: Hash
  readonly by: DeviceId | GrantId
}

/** Whether a statement comes right after the draft's last one. */
const follows = (draft: RosterDraft, place: Place): Checked => {
  if (place.workspace !== draft.workspace) return refused("wrongWorkspace", "This statement is for another workspace")
  if (place.number !== draft.number + 1) {
    return malformed(`This statement has number ${place.number}; the next one is ${draft.number + 1}`)
  }
  if (place.previous !== draft.head) return malformed("This statement does not follow the last one of this roster")
  if (place.number > statementCountMax) return refused("tooMany", `A roster holds ${statementCountMax} statements`)
  return fine
}

/** The key a statement's author signs with, where that author is known and still in. */
const authorKey = (draft: RosterDraft, by: DeviceId | GrantId): Result.Result<PublicKey, Refusal> => {
  const device = draft.devices.get(DeviceId.make(by))
  if (device !== undefined) {
    return device.revokedAt === undefined
      ? Result.succeed(device.keys.signing)
      : refused("authority", "The device that signed this statement was revoked before")
  }
  const grant = draft.grants.get(GrantId.make(by))
  if (grant !== undefined) {
    return grant.revokedAt === undefined
      ? Result.succeed(grant.link.signing)
      : refused("grantRevoked", "The link behind this statement was revoked")
  }
  return withoutRight(draft, "authority", "The author of this statement is not in the roster")
}

const isOwner = (draft: RosterDraft, by: DeviceId): boolean => draft.devices.get(by)?.role === "owner"

const checkGrant = (draft: RosterDraft, body: typeof Grant.Type): Checked => {
  if (!isOwner(draft, body.by)) return withoutRight(draft, "authority", "Only an owner may issue a grant")
  if (draft.grants.has(grantIdOf(body.link.signing))) return refused("alreadyThere", "This link was granted before")
  return fine
}

const checkAdmit = (draft: RosterDraft, body: typeof Admit.Type): Checked => {
  const original = DeviceId.make(body.by)
  const grant = draft.grants.get(GrantId.make(body.by))
  if (grant === undefined && !draft.devices.has(original)) {
    return withoutRight(draft, "authority", "Only a grant's link, or a device for a copy of itself, may admit a device")
  }
  if (grant !== undefined && grant.usesLeft < 1) {
    return refused("grantSpent", "This link has let in as many devices as it may")
  }
  if (grant === undefined && withCopies(draft, firstOf(draft, original)).length > deviceCopyCountMax) {
    return refused("tooMany", `A device lets in at most ${deviceCopyCountMax} copies of itself; join by a link instead`)
  }
  if (draft.devices.has(deviceIdOf(body.device.signing)))
    return refused("alreadyThere", "This device was let in before")
  return fine
}

const checkRevoke = (draft: RosterDraft, body: typeof Revoke.Type): Checked => {
  const { target } = body
  const itself = "device" in target && target.device === body.by
  // A grant signs admissions only; `by` of a revocation is a device.
  if (!draft.devices.has(body.by)) return withoutRight(draft, "authority", "Only a device may revoke")
  if (!isOwner(draft, body.by) && !itself) {
    return withoutRight(draft, "authority", "Only an owner may revoke another device or a grant")
  }
  const known = "device" in target ? draft.devices.get(target.device) : draft.grants.get(target.grant)
  if (known === undefined) return withoutRight(draft, "authority", "What this statement revokes is not in the roster")
  if (known.revokedAt !== undefined) return refused("alreadyThere", "This was revoked before")
  if ("device" in target && known.role === "owner") {
    const ending = new Set(withCopies(draft, target.device))
    const staying = [...draft.devices].filter(
      ([id, { revokedAt, role }]) => role === "owner" && revokedAt === undefined && !ending.has(id)
    )
    if (staying.length === 0) {
      return withoutRight(draft, "lastOwner", "The last owner cannot be revoked; let another owner in before")
    }
  }
  return fine
}

const revokeGrant = (draft: RosterDraft, id: GrantId, number: RosterNumber): void => {
  const grant = draft.grants.get(id)
  if (grant !== undefined) draft.grants.set(id, { ...grant, revokedAt: number })
}

/** The device whose copy, or copy's copy, this one is; itself where it is nobody's. */
const firstOf = (draft: RosterDraft, id: DeviceId): DeviceId => {
  // A copy is admitted after its original, so this ends.
  for (let first = id; ;) {
    const original = draft.devices.get(first)?.copyOf
    if (original === undefined) return first
    first = original
  }
}

/** A device, its copies, and theirs; revoked ones included. */
const withCopies = (draft: RosterDraft, id: DeviceId): ReadonlyArray<DeviceId> => {
  const line = new Set([id])
  // In the order of admission: an original comes before its copies.
  for (const [device, { copyOf }] of draft.devices) if (copyOf !== undefined && line.has(copyOf)) line.add(device)
  return [...line]
}

/**
 * A revoked device's copies and open links end with it: whoever has its keys may have let in as many as they liked, may
 * still hold the links, and would let itself in again [ROSTER-6, ROSTER-13].
 */
const revokeDevice = (draft: RosterDraft, id: DeviceId, number: RosterNumber): void => {
  for (const one of withCopies(draft, id)) {
    const device = draft.devices.get(one)
    if (device === undefined || device.revokedAt !== undefined) continue
    draft.devices.set(one, { ...device, revokedAt: number })
    for (const [grantId, grant] of draft.grants) {
      if (grant.by === one && grant.revokedAt === undefined) revokeGrant(draft, grantId, number)
    }
  }
}

const admit = (draft: RosterDraft, { by, device: keys, number, wraps }: typeof Admit.Type): void => {
  const id = deviceIdOf(keys.signing)
  const [admittedBy, copyOf] = [GrantId.make(by), DeviceId.make(by)]
  const grant = draft.grants.get(admittedBy)
  const original = draft.devices.get(copyOf)
  if (grant !== undefined) {
    draft.grants.set(admittedBy, { ...grant, usesLeft: grant.usesLeft - 1 })
    draft.devices.set(id, { keys, role: grant.role, admittedBy, wraps, number })
  } else if (original !== undefined) {
    draft.devices.set(id, { keys, role: original.role, copyOf, wraps, number })
  }
}

/** Writes what a checked statement says into the draft. */
const perform = (draft: RosterDraft, body: Exclude<StatementPieces["body"], typeof Found.Type>): void => {
  if (body.kind === "unknown") {
    draft.tooNewAt ??= body.number
  } else if (body.kind === "grant") {
    const { link, role, by, expiresAt, uses, wraps, number } = body
    draft.grants.set(grantIdOf(link.signing), { link, role, by, expiresAt, uses, usesLeft: uses, wraps, number })
  } else if (body.kind === "admit") {
    admit(draft, body)
  } else if ("device" in body.target) {
    revokeDevice(draft, body.target.device, body.number)
  } else {
    revokeGrant(draft, body.target.grant, body.number)
  }
}

const verifySigned = Effect.fnUntraced(function* (key: PublicKey, pieces: StatementPieces) {
  const primitives = yield* Primitives
  const message = joinBytes(utf8(statementContext), pieces.signed)
  if (!(yield* primitives.verify(key, message, pieces.signature))) {
    yield* Effect.fromResult(refused("signature", "This statement was not signed by its author, or was changed since"))
  }
})

/** Whether a first statement founds the workspace that its founder's key names. */
const checkFound = (body: StatementPieces["body"]): Result.Result<typeof Found.Type, Refusal> => {
  if (body.kind !== "found") return malformed("A roster begins with the statement that founds the workspace")
  if (body.number !== 1 || body.previous !== undefined) {
    return malformed("A roster begins with statement number 1, which follows nothing")
  }
  if (workspaceIdOf(body.device.signing) !== body.workspace) {
    return refused("wrongWorkspace", "A workspace is named by its founder's signing key, and this one is not")
  }
  return Result.succeed(body)
}

/** A draft that holds nothing but the founder. */
const foundedDraft = (body: typeof Found.Type, bytes: Uint8Array): RosterDraft => {
  const founder: RosterDevice = { keys: body.device, role: "owner", wraps: body.wraps, number: body.number }
  return {
    workspace: body.workspace,
    number: body.number,
    head: hashOf(bytes),
    devices: new Map([[deviceIdOf(body.device.signing), founder]]),
    grants: new Map(),
    tooNewAt: undefined
  }
}

/** A later statement's place and author, read from its body where the kind is known and from the common fields where not. */
const placeOf = (pieces: StatementPieces): Result.Result<Place, Refusal> => {
  const { body } = pieces
  if (body.kind === "found") return refused("alreadyThere", "This workspace was founded before")
  if (body.kind !== "unknown") return Result.succeed(body)
  const place = Schema.decodeResult(LaterKind)(new TextDecoder().decode(pieces.signed.subarray(1)))
  return Result.isSuccess(place)
    ? Result.succeed(place.success)
    : malformed("This statement of a later kind does not say its place and its author")
}

/** The hash that a statement names as the one before it; `undefined` for a first one. Nothing is verified. */
export const previousOf = (bytes: Uint8Array): Result.Result<Hash | undefined, Refusal> =>
  Result.flatMap(decodeStatement(bytes), (pieces) =>
    pieces.body.kind === "found" ? Result.succeed(undefined) : Result.map(placeOf(pieces), ({ previous }) => previous)
  )

const checkRight = (draft: RosterDraft, body: Exclude<StatementPieces["body"], typeof Found.Type>): Checked => {
  if (body.kind === "grant") return checkGrant(draft, body)
  if (body.kind === "admit") return checkAdmit(draft, body)
  return body.kind === "revoke" ? checkRevoke(draft, body) : fine
}

/** Checks a statement in full, then writes it into the draft (or makes one, for the first). A failure leaves the draft as it was. */
export const applyStatement = Effect.fnUntraced(function* (
  draft: RosterDraft | undefined,
  bytes: Uint8Array
): Effect.fn.Return<{ readonly draft: RosterDraft; readonly body: StatementPieces["body"] }, Refusal, Primitives> {
  const pieces = yield* Effect.fromResult(decodeStatement(bytes))
  const { body } = pieces
  if (draft === undefined) {
    const found = yield* Effect.fromResult(checkFound(body))
    yield* verifySigned(found.device.signing, pieces)
    return { draft: foundedDraft(found, bytes), body }
  }
  const place = yield* Effect.fromResult(placeOf(pieces))
  yield* Effect.fromResult(follows(draft, place))
  yield* verifySigned(yield* Effect.fromResult(authorKey(draft, place.by)), pieces)
  if (body.kind !== "found") {
    yield* Effect.fromResult(checkRight(draft, body))
    perform(draft, body)
  }
  draft.number = place.number
  draft.head = hashOf(bytes)
  return { draft, body }
})
