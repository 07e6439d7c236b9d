/** Whether two byte strings are the same. Not for secrets: the time it takes tells where they differ. */
export const isSameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
