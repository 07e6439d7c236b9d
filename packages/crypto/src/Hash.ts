/**
 * Hashes and the ids made from them, synchronous so that they can stand inside one database transaction.
 *
 * SHA-256 and HMAC-SHA-256 throughout; each use has its own context [CRYPTO-1]. Rules: docs/spec/crypto.md.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import {
  bytesToId,
  chainContext,
  deviceContext,
  DeviceId,
  docNameContext,
  DocId,
  grantContext,
  GrantId,
  Hash,
  idToBytes,
  type LogId,
  type PublicKey,
  workspaceContext,
  WorkspaceId
} from "@tidemark/protocol"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { publicKeyToBytes } from "./PublicKeys.ts"

/** Bytes of an id made from a hash: its first 16. */
const idBytes = 16

/** SHA-256 of the bytes: an entry's hash, or a statement's. */
export const hashOf = (bytes: Uint8Array): Hash => Hash.make(bytesToId(sha256(bytes)))

/** The chain of a log before its first entry: `SHA-256(chainContext ‖ LogId)`. */
export const chainStart = (logId: LogId): Hash => hashOf(joinBytes(utf8(chainContext), idToBytes(logId)))

/** The chain after one more entry: `SHA-256(chain ‖ entry hash)`. */
export const chainNext = (chain: Hash, entryHash: Hash): Hash =>
  hashOf(joinBytes(idToBytes(chain), idToBytes(entryHash)))

const idOfKey = (context: string, signing: PublicKey): string =>
  bytesToId(sha256(joinBytes(utf8(context), publicKeyToBytes(signing))).subarray(0, idBytes))

/** The id of the workspace that the holder of this signing key founded. */
export const workspaceIdOf = (signing: PublicKey): WorkspaceId => WorkspaceId.make(idOfKey(workspaceContext, signing))

/** The id of the device with this signing key. */
export const deviceIdOf = (signing: PublicKey): DeviceId => DeviceId.make(idOfKey(deviceContext, signing))

/** The id of the grant whose link has this signing key. */
export const grantIdOf = (signing: PublicKey): GrantId => GrantId.make(idOfKey(grantContext, signing))

/** The id of a well-known doc, equal on every device: `HMAC-SHA-256(id key, docNameContext ‖ name)`, first 16 bytes. */
export const docIdOf = (idKey: Uint8Array, name: string): DocId =>
  DocId.make(bytesToId(hmac(sha256, idKey, utf8(docNameContext + name)).subarray(0, idBytes)))
