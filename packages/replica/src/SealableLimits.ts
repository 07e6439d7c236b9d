/**
 * What one update may hold on its way to other devices: what a sealed item can carry, and what every device reads.
 *
 * Rules: docs/spec/replica.md.
 */
import { Context } from "effect"
import { partCountMax, updateBytesMax } from "@tidemark/protocol"
import { partBytesMax } from "@tidemark/crypto"
import { type UpdateLimits, updateLimits } from "@tidemark/model"

/** An item up to this size can be sealed, whether or not it can be compressed. */
export const sealableBytesMax = Math.min(updateBytesMax, partCountMax * partBytesMax)

/** Every doc is opened with these; the same on all devices of a workspace, and smaller in the World. */
export const SealableLimits = Context.Reference<UpdateLimits>("@tidemark/replica/SealableLimits", {
  defaultValue: () => ({ ...updateLimits, bytesMax: sealableBytesMax })
})
