/** Public keys as text and as the 32 bytes they stand for. Rules: docs/spec/crypto.md. */
import { bytesToId, PublicKey } from "@tidemark/protocol"
import { Result } from "effect"
import { Base64Url } from "effect/encoding"

/** Bytes of an Ed25519 or X25519 public key, and of a seed, a workspace key and an id key. */
export const keyBytes = 32

/** The raw bytes of a public key. The brand guarantees that the text is well formed. */
export const publicKeyToBytes = (key: PublicKey): Uint8Array => Result.getOrThrow(Base64Url.decode(key))

/** The text of a raw public key; `bytes` must be `keyBytes` long. */
export const bytesToPublicKey = (bytes: Uint8Array): PublicKey => PublicKey.make(bytesToId(bytes))
