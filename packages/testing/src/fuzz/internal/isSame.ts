/** Equality of decoded values: bytes by content, −0 as 0 (JSON has one zero), objects by their own keys. */

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

export const isSame = (left: unknown, right: unknown): boolean => {
  if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return true
  if (!isRecord(left) || !isRecord(right)) return false
  if (left instanceof Uint8Array || right instanceof Uint8Array) {
    return left instanceof Uint8Array && right instanceof Uint8Array && Buffer.compare(left, right) === 0
  }
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]))
  )
}
