/** Slices of a log as the engine hands them over, and a disk whose syncing tab is "ours". */
import { type Cursor, DeviceId, DeviceSeq, type DocId, Hash, LogId, Seq } from "@tidemark/protocol"
import { MemoryDisk, metaKeys, type RemoteItem, type Slice } from "@tidemark/sync"

const device = DeviceId.make("A".repeat(22))
export const cursorAt = (seq: number): Cursor => ({
  logId: LogId.make("A".repeat(22)),
  seq: Seq.make(seq),
  chain: Hash.make("A".repeat(43))
})
export const itemOf = (doc: DocId, bytes: Uint8Array, seq: number): RemoteItem => ({
  seq: Seq.make(seq),
  doc,
  device,
  deviceSeq: DeviceSeq.make(seq),
  codec: 1,
  bytes
})
export const sliceOf = (items: ReadonlyArray<RemoteItem>, from: Cursor | undefined, to: number): Slice => ({
  nonce: "ours",
  expected: from,
  next: cursorAt(to),
  items,
  hold: [],
  release: [],
  settle: []
})
export const syncing = () => {
  const disk = new MemoryDisk()
  disk.meta.set(metaKeys.syncer, JSON.stringify("ours"))
  return disk
}
