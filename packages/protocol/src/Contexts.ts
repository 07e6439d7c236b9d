/**
 * The domain-separation strings of everything that is hashed, signed, sealed or derived.
 *
 * Each use has its own, so that no signature or hash made for one purpose can stand for another [CRYPTO-1].
 * Rules: docs/spec/crypto.md.
 */

/** `SHA-256(context ‖ public signing key)`, first 16 bytes: a workspace, device or grant id. */
export const workspaceContext = "tidemark/workspace/1"
export const deviceContext = "tidemark/device/1"
export const grantContext = "tidemark/grant/1"

/** `SHA-256(context ‖ LogId)`: the chain before the first entry. */
export const chainContext = "tidemark/chain/1"

/** Signed by a device: `context ‖ workspace (16 bytes) ‖ header ‖ ciphertext`. The same context opens the cipher's additional data. */
export const entryContext = "tidemark/entry/1"

/** Signed by a statement's author: `context ‖ u8 layout ‖ body`. */
export const statementContext = "tidemark/statement/1"

/** Signed by a device to get a token: `context ‖ u8 length of action ‖ action ‖ workspace (16 bytes) ‖ challenge`. */
export const proofContext = "tidemark/proof/1"

/** Signed by a device that says how far it has come: `context ‖ workspace ‖ device ‖ LogId ‖ u64 Seq ‖ chain`. */
export const cursorContext = "tidemark/cursor/1"

/**
 * HKDF info of a doc's key (`‖ doc`), of a key wrap (`‖ recipient ‖ its agreement key ‖ the wrap's ephemeral key`), and of
 * a link's key pairs (`‖ "signing" | "agreement"`).
 */
export const docKeyContext = "tidemark/doc-key/1"
export const wrapContext = "tidemark/wrap/1"
export const linkContext = "tidemark/link/1"

/** HMAC of a well-known doc's name under the workspace's id key: `context ‖ name`. */
export const docNameContext = "tidemark/doc-name/1"

/** What a proof is for. */
export type ProofAction = "found" | "admit" | "renew"
