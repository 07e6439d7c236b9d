/** Fixed values of every kind that goes over the wire, for the tests of layouts. */
import {
  bytesToId,
  type Cursor,
  DeviceId,
  DeviceSeq,
  DocId,
  type DocPage,
  type EnvelopeHeader,
  GrantId,
  Hash,
  KeyId,
  LogId,
  type Page,
  PublicKey,
  RosterNumber,
  Seq,
  type StatementBody,
  WorkspaceId
} from "@tidemark/protocol"

/** `size` bytes counting up from `from`. */
export const bytesFrom = (from: number, size: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, (_, index) => (from + index) % 256)

export const workspace = WorkspaceId.make(bytesToId(bytesFrom(1, 16)))
export const device = DeviceId.make(bytesToId(bytesFrom(17, 16)))
export const grant = GrantId.make(bytesToId(bytesFrom(33, 16)))
export const doc = DocId.make(bytesToId(bytesFrom(49, 16)))
export const logId = LogId.make(bytesToId(bytesFrom(65, 16)))
export const keyId = KeyId.make(bytesToId(bytesFrom(81, 8)))
export const hash = Hash.make(bytesToId(bytesFrom(97, 32)))
const publicKey = PublicKey.make(bytesToId(bytesFrom(129, 32)))

export const cursor: Cursor = { logId, seq: Seq.make(7), chain: hash }

export const header: EnvelopeHeader = {
  version: 1,
  suite: 1,
  kind: 1,
  keyId,
  doc,
  device,
  deviceSeq: DeviceSeq.make(2 ** 32 + 5),
  roster: RosterNumber.make(3),
  part: 1,
  parts: 2,
  nonce: bytesFrom(161, 12)
}

export const page: Page = {
  after: Seq.make(5),
  through: { ...cursor, seq: Seq.make(9) },
  head: Seq.make(9),
  items: [
    { _tag: "Entry", seq: Seq.make(6), bytes: bytesFrom(0, 5) },
    { _tag: "Gap", seq: Seq.make(7), count: 2, chain: hash },
    { _tag: "Checkpoint", seq: Seq.make(9), chain: hash, parts: [bytesFrom(0, 3), bytesFrom(3, 1)] }
  ]
}

export const docPage: DocPage = {
  logId,
  doc,
  after: Seq.make(5),
  through: Seq.make(8),
  head: Seq.make(9),
  items: [
    { _tag: "Entry", seq: Seq.make(6), bytes: bytesFrom(0, 5) },
    { _tag: "Checkpoint", seq: Seq.make(8), chain: hash, parts: [bytesFrom(0, 3), bytesFrom(3, 1)] }
  ]
}

const keys = { signing: publicKey, agreement: publicKey }
const wrap = { keyId, recipient: device, sealed: "c2VhbGVk" }
const place = { workspace, number: RosterNumber.make(2), previous: hash, at: 1_700_000_000_000 }

export const statements: ReadonlyArray<StatementBody> = [
  { kind: "found", workspace, number: RosterNumber.make(1), at: 1_700_000_000_000, device: keys, wraps: [wrap] },
  { kind: "grant", ...place, by: device, link: keys, role: "editor", expiresAt: 1_800_000_000_000, uses: 3, wraps: [] },
  { kind: "admit", ...place, by: grant, device: keys, wraps: [] },
  { kind: "revoke", ...place, by: device, target: { grant }, seen: cursor }
]
