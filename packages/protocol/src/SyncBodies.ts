/**
 * What the routes of `SyncRoutes.ts` carry as JSON: the bodies of requests and of answers, some of which the live socket says too.
 *
 * Rules: docs/spec/protocol.md.
 */
import { Schema } from "effect"
import { ItemRefusedReason } from "./Errors.ts"
import { Cursor, DeviceId, DeviceSeq, DocId, GrantId, Hash, LogId, Role, RosterNumber, Seq } from "./Ids.ts"
import { checkpointPartCountMax, statementCountMax } from "./Limits.ts"

/** Bytes of a statement as base64url, for the few routes that carry exactly one. */
export const StatementText = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]+$/)).pipe(
  Schema.brand("StatementText")
)
export type StatementText = typeof StatementText.Type

/** A signature over `proofContext ‖ action ‖ workspace ‖ challenge` by a device's key, as base64url. */
export const Proof = Schema.Struct({
  challenge: Schema.String.check(Schema.isMaxLength(256)),
  signature: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{86}$/))
})
export type Proof = typeof Proof.Type

/**
 * A roster as a device of it hands it to a server that has no such workspace, or an older roster of it: every statement,
 * `found` first, and the proof of an unrevoked device (absent: the founder) [AMNESIA-1].
 */
export const Founding = Schema.Struct({
  statements: Schema.Array(StatementText).check(Schema.isMinLength(1), Schema.isMaxLength(statementCountMax)),
  device: Schema.optionalKey(DeviceId),
  proof: Proof
})
export type Founding = typeof Founding.Type

/** Whether the asking device may refill the log now, and for how long, or after how long to ask again; milliseconds. */
export const RefillAnswer = Schema.Struct({ granted: Schema.Boolean, millis: Schema.Int })
export type RefillAnswer = typeof RefillAnswer.Type

/** A checkpoint that stands in the log, as its maker names it once all its parts have their receipts [COMPACT-2]. */
export const CheckpointNaming = Schema.Struct({
  doc: DocId,
  /** The DeviceSeq of its first part; the others take the ones after it. */
  first: DeviceSeq,
  parts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: checkpointPartCountMax })),
  /** It stands for all of the doc's entries up to here: the place that is sealed inside it, too. */
  through: Cursor
})
export type CheckpointNaming = typeof CheckpointNaming.Type

/** A named checkpoint that no other device has confirmed yet. `seq`: of its last part. */
export const OpenCheckpoint = Schema.Struct({ doc: DocId, seq: Seq, through: Seq, device: DeviceId })
export type OpenCheckpoint = typeof OpenCheckpoint.Type

/** Another device's judgement: whether a newcomer that begins with the checkpoint lacks nothing that this device holds. */
export const CheckpointVerdict = Schema.Struct({ doc: DocId, seq: Seq, isSound: Schema.Boolean })
export type CheckpointVerdict = typeof CheckpointVerdict.Type

/** What a newcomer has to read of a doc behind its last checkpoint, counted up to some thousands of entries. */
export const DocTailSize = Schema.Struct({
  logId: LogId,
  entries: Schema.Int,
  bytes: Schema.Int,
  /** Bytes of the doc's last checkpoint; 0 where there is none. */
  checkpointBytes: Schema.Int
})
export type DocTailSize = typeof DocTailSize.Type

/** How far a device has stored the log, as base64url signed by it (see `cursorContext`), so that nobody else can say so. */
export const SignedCursor = Schema.Struct({
  cursor: Cursor,
  signature: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{86}$/))
})
export type SignedCursor = typeof SignedCursor.Type

/** A device's last report, and when it came by the server's clock, epoch milliseconds. */
export const DeviceCursor = Schema.Struct({ device: DeviceId, ...SignedCursor.fields, at: Schema.Int })
export type DeviceCursor = typeof DeviceCursor.Type

/** The last report of every device of the roster that is not revoked and has reported, and where the log ended afterwards. */
export const DeviceCursors = Schema.Struct({ head: Seq, cursors: Schema.Array(DeviceCursor) })
export type DeviceCursors = typeof DeviceCursors.Type

/** A token and how long it lasts from now, in milliseconds (so that clocks need not agree). */
export const TokenAnswer = Schema.Struct({ token: Schema.String, expiresInMillis: Schema.Int, role: Role })
export type TokenAnswer = typeof TokenAnswer.Type

/** Where a log stands, and what the server knows of the asking device. */
export const LogHead = Schema.Struct({
  logId: LogId,
  head: Seq,
  chain: Hash,
  roster: RosterNumber,
  /** The hash of the last statement; told where it is asked for by itself, and not in a socket's welcome. */
  rosterHead: Schema.optionalKey(Hash),
  /** The asking device's highest stored DeviceSeq and that entry's hash; absent before its first entry. */
  lastItem: Schema.optionalKey(Schema.Struct({ deviceSeq: DeviceSeq, hash: Hash }))
})
export type LogHead = typeof LogHead.Type

/** What became of one pushed item. `Stored` means durable; a repeat gets the first answer again [PUSH-2]. */
export const PushResult = Schema.Union([
  Schema.TaggedStruct("Stored", { deviceSeq: DeviceSeq, seq: Seq, chain: Hash }),
  Schema.TaggedStruct("ItemRefused", { deviceSeq: DeviceSeq, reason: ItemRefusedReason, message: Schema.String })
])
export type PushResult = typeof PushResult.Type

/** The answer to a push: one result an item, in the order of the push. */
export const PushAnswer = Schema.Struct({ logId: LogId, head: Seq, results: Schema.Array(PushResult) })
export type PushAnswer = typeof PushAnswer.Type

/** One device or grant as the server sees it. Times are the server's, epoch milliseconds. */
export const AccessList = Schema.Struct({
  devices: Schema.Array(
    Schema.Struct({
      device: DeviceId,
      role: Role,
      revoked: Schema.Boolean,
      lastSeenAt: Schema.optionalKey(Schema.Int),
      /** The device that let it in as a copy of itself. */
      copyOf: Schema.optionalKey(DeviceId)
    })
  ),
  grants: Schema.Array(
    Schema.Struct({ grant: GrantId, role: Role, expiresAt: Schema.Int, usesLeft: Schema.Int, revoked: Schema.Boolean })
  )
})
export type AccessList = typeof AccessList.Type
