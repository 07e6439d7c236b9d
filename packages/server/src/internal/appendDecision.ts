/** What becomes of the entries of one append: pure, for every store alike. */
import { Result } from "effect"
import { chainNext, hashOf } from "@tidemark/crypto"
import {
  decodeHeader,
  type DeviceId,
  DeviceSeq,
  type DocId,
  entryBytesMax,
  entryKinds,
  type Hash,
  type ItemRefusedReason,
  type LogId,
  type Malformed,
  type PushResult,
  type Role,
  type RosterNumber,
  Seq
} from "@tidemark/protocol"

/** How much more than its quota a workspace may hold by a checkpoint, which is what makes room. */
const checkpointQuotaShare = 1 / 8

/** Where the DeviceSeq stands in every version of the envelope, and where it ends. */
const deviceSeqStart = 44
const deviceSeqEnd = 52

/** An entry as the log sees it: readable, or refused for what it is. */
export type IncomingItem =
  | {
      readonly _tag: "Readable"
      readonly deviceSeq: DeviceSeq
      readonly doc: DocId
      /** As its clear header says. */
      readonly kind: number
      readonly roster: RosterNumber
      readonly hash: Hash
      readonly bytes: Uint8Array
    }
  | (PushResult & { readonly _tag: "ItemRefused" })

const refused = (deviceSeq: DeviceSeq, reason: typeof ItemRefusedReason.Type, message: string) =>
  ({ _tag: "ItemRefused", deviceSeq, reason, message }) as const

/** The DeviceSeq of an entry that is otherwise unreadable, where there is one. */
const deviceSeqOf = (entry: Uint8Array): DeviceSeq | undefined => {
  if (entry.length < deviceSeqEnd) return undefined
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  const value = view.getUint32(deviceSeqStart) * 2 ** 32 + view.getUint32(deviceSeqStart + 4)
  return Number.isSafeInteger(value) && value > 0 ? DeviceSeq.make(value) : undefined
}

const readItem = (entry: Uint8Array, device: DeviceId): Result.Result<IncomingItem, Malformed> => {
  const header = decodeHeader(entry)
  if (Result.isFailure(header)) {
    const deviceSeq = deviceSeqOf(entry)
    if (deviceSeq === undefined) return Result.fail(header.failure)
    const reason = entry.length > entryBytesMax ? "tooLarge" : "malformed"
    return Result.succeed(refused(deviceSeq, reason, header.failure.message))
  }
  const { deviceSeq, doc, kind, roster } = header.success
  if (header.success.device !== device) {
    return Result.succeed(refused(deviceSeq, "headerMismatch", "This entry names another device than the token does"))
  }
  return Result.succeed({ _tag: "Readable", deviceSeq, doc, kind, roster, hash: hashOf(entry), bytes: entry })
}

/** Reads the clear headers of a push. Fails where an entry has not even a DeviceSeq. */
export const readItems = (
  entries: ReadonlyArray<Uint8Array>,
  device: DeviceId
): Result.Result<ReadonlyArray<IncomingItem>, Malformed> => {
  const items: Array<IncomingItem> = []
  for (const entry of entries) {
    const item = readItem(entry, device)
    if (Result.isFailure(item)) return Result.fail(item.failure)
    items.push(item.success)
  }
  return Result.succeed(items)
}

/** The head row of a log, while it is held. */
export interface HeadRow {
  readonly logId: LogId
  readonly head: Seq
  readonly chain: Hash
  readonly storedBytes: number
  readonly roster: RosterNumber
}

/** An item that is already stored. */
export interface StoredItem {
  readonly hash: Hash
  readonly seq: Seq
  readonly chain: Hash
}

/** An entry to insert. */
export interface NewEntry {
  readonly seq: Seq
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly doc: DocId
  readonly kind: number
  readonly hash: Hash
  readonly chain: Hash
  readonly bytes: Uint8Array
}

/** Who appends, by the roster that the head row names: the role, or `undefined` for a revoked or unknown device. */
export interface Appender {
  readonly device: DeviceId
  readonly role: Role | undefined
}

/** The head row after an append, what to insert, and the answers in the order of the items. */
export interface AppendDecision {
  readonly row: HeadRow
  readonly entries: ReadonlyArray<NewEntry>
  readonly results: ReadonlyArray<PushResult>
}

const refuseNew = (
  item: IncomingItem & { readonly _tag: "Readable" },
  row: HeadRow,
  appender: Appender,
  bytesMax: number
) => {
  const { deviceSeq } = item
  if (appender.role === undefined) {
    return refused(deviceSeq, "revoked", "This device was revoked; what it wrote since then stays on it")
  }
  if (appender.role === "reader") return refused(deviceSeq, "roleReader", "This device may read, not write")
  if (item.roster > row.roster) {
    return refused(deviceSeq, "rosterAhead", `This entry knows statement ${item.roster}; the server has ${row.roster}`)
  }
  const room = item.kind === entryKinds.checkpoint ? bytesMax * (1 + checkpointQuotaShare) : bytesMax
  if (row.storedBytes + item.bytes.length > room) {
    return refused(
      deviceSeq,
      "quotaFull",
      `This workspace may hold ${bytesMax} bytes on this server, and they are used up`
    )
  }
  return undefined
}

/**
 * Decides an append under the head row. `stored` tells which DeviceSeqs of this device are stored already; a repeat is
 * answered before roles are looked at, so that a receipt once given is given again.
 */
export const decideAppend = (options: {
  readonly row: HeadRow
  readonly appender: Appender
  readonly items: ReadonlyArray<IncomingItem>
  readonly stored: ReadonlyMap<DeviceSeq, StoredItem>
  readonly bytesMax: number
}): AppendDecision => {
  let row = options.row
  const stored = new Map(options.stored)
  const entries: Array<NewEntry> = []
  let isForked = false
  const results = options.items.map((item): PushResult => {
    if (item._tag === "ItemRefused") return item
    const { bytes, deviceSeq, doc, hash, kind } = item
    const known = stored.get(deviceSeq)
    if (known !== undefined && known.hash === hash) {
      return { _tag: "Stored", deviceSeq, seq: known.seq, chain: known.chain }
    }
    // The rest of this push was made without knowing what the other copy wrote, and may use its operation ids.
    isForked ||= known !== undefined
    if (isForked) {
      return refused(
        deviceSeq,
        "deviceForked",
        "Other bytes are stored under this number: two copies of this device write, or it went back in time"
      )
    }
    const refusal = refuseNew(item, row, options.appender, options.bytesMax)
    if (refusal !== undefined) return refusal
    const seq = Seq.make(row.head + 1)
    const chain = chainNext(row.chain, hash)
    entries.push({ seq, device: options.appender.device, deviceSeq, doc, kind, hash, chain, bytes })
    stored.set(deviceSeq, { hash, seq, chain })
    row = { ...row, head: seq, chain, storedBytes: row.storedBytes + bytes.length }
    return { _tag: "Stored", deviceSeq, seq, chain }
  })
  return { row, entries, results }
}
