/**
 * The protocol version and its history.
 *
 * A change to any message, frame, header or limit that the other side can notice raises the version; the hashes pinned
 * in `test/WirePins.test.ts` notice such a change [WIRE-1]. Rules: docs/spec/protocol.md, docs/wire.md.
 *
 * History:
 * - 1: the first version.
 */
import { Schema } from "effect"

/** The version this code speaks. */
export const protocolVersion = 1

/** The oldest version this code still understands. It may rise only with a release that names the reason here. */
export const protocolVersionMin = 1

/** The HTTP header that carries the client's version; every route under `/v1/workspaces` requires it. */
export const protocolHeader = "tidemark-protocol"

/** A closed range of versions, as a hello carries it. */
export const ProtocolRange = Schema.Struct({ min: Schema.Int, max: Schema.Int })
export type ProtocolRange = typeof ProtocolRange.Type

/** The range of this code. */
export const protocolRange: ProtocolRange = { min: protocolVersionMin, max: protocolVersion }

/** The highest version both ranges hold, or `undefined` where they do not meet. */
export const negotiateVersion = (ours: ProtocolRange, theirs: ProtocolRange): number | undefined => {
  const version = Math.min(ours.max, theirs.max)
  return version >= Math.max(ours.min, theirs.min) ? version : undefined
}
