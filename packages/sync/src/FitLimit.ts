/**
 * How the stores cut a list at a limit: from the front, in order, and never to nothing. Rules: docs/spec/store.md.
 */

/**
 * Tells, item by item, whether the next one still fits: at most `count` items and at most `bytes` in total, but always
 * the first, however large. After the first `false` the list is cut; do not ask again.
 */
export const makeFit = (limit: {
  readonly count: number
  readonly bytes: number
}): ((byteLength: number) => boolean) => {
  let count = 0
  let bytes = 0
  return (byteLength) => {
    count += 1
    bytes += byteLength
    return count === 1 || (count <= limit.count && bytes <= limit.bytes)
  }
}

/** The longest front part of `items` that fits the limit; at least one item where there is one. */
export const takeFitting = <A extends { readonly bytes: Uint8Array }>(
  items: Iterable<A>,
  limit: { readonly count: number; readonly bytes: number }
): ReadonlyArray<A> => {
  const fits = makeFit(limit)
  const taken: Array<A> = []
  for (const item of items) {
    if (!fits(item.bytes.length)) break
    taken.push(item)
  }
  return taken
}
