/**
 * Proof of holding a device's (or link's) signing key, in answer to a server's challenge.
 *
 * It signs the action and the workspace with the challenge, so that a proof given for one cannot be used for another
 * [PROOF-1]. Rules: docs/spec/crypto.md.
 */
import {
  idToBytes,
  type Proof,
  type ProofAction,
  proofContext,
  type PublicKey,
  type WorkspaceId
} from "@tidemark/protocol"
import { Effect, Result } from "effect"
import { Base64Url } from "effect/encoding"
import type { DeviceSecret } from "./DeviceSecret.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { Primitives } from "./Primitives.ts"

/** `proofContext ‖ u8 length of action ‖ action ‖ workspace ‖ challenge`. */
const proofMessage = (action: ProofAction, workspace: WorkspaceId, challenge: string): Uint8Array => {
  const name = utf8(action)
  return joinBytes(utf8(proofContext), Uint8Array.of(name.length), name, idToBytes(workspace), utf8(challenge))
}

/** Answers a challenge. */
export const makeProof = Effect.fnUntraced(function* (input: {
  readonly secret: Pick<DeviceSecret, "signingSeed">
  readonly action: ProofAction
  readonly workspace: WorkspaceId
  readonly challenge: string
}): Effect.fn.Return<Proof, never, Primitives> {
  const primitives = yield* Primitives
  const message = proofMessage(input.action, input.workspace, input.challenge)
  const signature = yield* primitives.sign(input.secret.signingSeed, message)
  return { challenge: input.challenge, signature: Base64Url.encode(signature) }
})

/** Whether a proof answers exactly this challenge, for this action and workspace, by this key. */
export const verifyProof = Effect.fnUntraced(function* (input: {
  readonly publicKey: PublicKey
  readonly action: ProofAction
  readonly workspace: WorkspaceId
  readonly challenge: string
  readonly proof: Proof
}): Effect.fn.Return<boolean, never, Primitives> {
  const signature = Base64Url.decode(input.proof.signature)
  if (Result.isFailure(signature) || input.proof.challenge !== input.challenge) return false
  const primitives = yield* Primitives
  const message = proofMessage(input.action, input.workspace, input.challenge)
  return yield* primitives.verify(input.publicKey, message, signature.success)
})
