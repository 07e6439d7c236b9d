/**
 * How far a device has stored the log, signed by it: a server can withhold or repeat such a report, not make one up.
 *
 * It signs the workspace and itself with the cursor, so that a report stands for nothing else [CURSOR-1]. Rules:
 * docs/spec/crypto.md.
 */
import {
  type Cursor,
  cursorContext,
  type DeviceId,
  idToBytes,
  type PublicKey,
  type SignedCursor,
  type WorkspaceId
} from "@tidemark/protocol"
import { Effect, Result } from "effect"
import { Base64Url } from "effect/encoding"
import type { DeviceSecret } from "./DeviceSecret.ts"
import { joinBytes, utf8 } from "./internal/bytes.ts"
import { Primitives } from "./Primitives.ts"

/** Whose cursor, of which workspace. */
interface Whose {
  readonly workspace: WorkspaceId
  readonly device: DeviceId
}

/** `cursorContext ‖ workspace ‖ device ‖ LogId ‖ u64 Seq ‖ chain`. */
const cursorMessage = ({ device, workspace }: Whose, { chain, logId, seq }: Cursor): Uint8Array => {
  const number = new Uint8Array(8)
  new DataView(number.buffer).setBigUint64(0, BigInt(seq))
  const ids = [idToBytes(workspace), idToBytes(device), idToBytes(logId), number, idToBytes(chain)]
  return joinBytes(utf8(cursorContext), ...ids)
}

/** Signs a cursor by the device's key. */
export const signCursor = Effect.fnUntraced(function* (
  input: Whose & { readonly secret: Pick<DeviceSecret, "signingSeed">; readonly cursor: Cursor }
): Effect.fn.Return<SignedCursor, never, Primitives> {
  const primitives = yield* Primitives
  const signature = yield* primitives.sign(input.secret.signingSeed, cursorMessage(input, input.cursor))
  return { cursor: input.cursor, signature: Base64Url.encode(signature) }
})

/** Whether this device signed exactly this cursor of this workspace. */
export const verifyCursor = Effect.fnUntraced(function* (
  input: Whose & { readonly publicKey: PublicKey; readonly signed: SignedCursor }
): Effect.fn.Return<boolean, never, Primitives> {
  const signature = Base64Url.decode(input.signed.signature)
  if (Result.isFailure(signature)) return false
  const primitives = yield* Primitives
  return yield* primitives.verify(input.publicKey, cursorMessage(input, input.signed.cursor), signature.success)
})
