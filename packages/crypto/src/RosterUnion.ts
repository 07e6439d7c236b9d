/**
 * Two lists of one roster made one: what both say, in the order of the first, and a union where they had gone different ways.
 *
 * Nothing is left out, so a revocation of either holds. Only lists that fold by themselves may be given; whether the result
 * folds is for the caller to see. Rules: docs/spec/roster.md.
 */
import { encodeUnion, type Hash } from "@tidemark/protocol"
import { hashOf } from "./Hash.ts"

const hashesOf = (statements: ReadonlyArray<Uint8Array>): ReadonlyArray<Hash> => statements.map((one) => hashOf(one))

/** Whether a list says everything that another says, in whatever order. */
export const holdsRoster = (list: ReadonlyArray<Uint8Array>, other: ReadonlyArray<Uint8Array>): boolean => {
  const known = new Set(hashesOf(list))
  return hashesOf(other).every((hash) => known.has(hash))
}

/**
 * What has to be appended to a list for it to say what another says, too: nothing, the rest of the other, or that and a
 * union of both heads [ROSTER-14].
 */
export const missingFrom = (
  list: ReadonlyArray<Uint8Array>,
  other: ReadonlyArray<Uint8Array>
): ReadonlyArray<Uint8Array> => {
  const known = new Set(hashesOf(list))
  const missing = other.filter((one) => !known.has(hashOf(one)))
  const [head, otherHead] = [list.at(-1), other.at(-1)]
  const isOneLine = missing.length === 0 || head === undefined || otherHead === undefined || holdsRoster(other, list)
  return isOneLine ? missing : [...missing, encodeUnion(hashOf(head), hashOf(otherHead))]
}
