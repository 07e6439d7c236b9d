/** A collection of rows from the other end of its index. */
export const latestFirst = <C extends { readonly reverse: () => C }>(rows: C): C =>
  // oxlint-disable-next-line unicorn/no-array-reverse -- Dexie's collection, not an array: it gives a new one.
  rows.reverse()
