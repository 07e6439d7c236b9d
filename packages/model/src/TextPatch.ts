/**
 * What an edit does to a text: splices at places, or a whole text that somebody made out of another.
 *
 * Places and lengths count UTF-16 units, as JavaScript strings and textareas do. Rules: docs/spec/model.md.
 */

/** At `at` go `remove` units and `insert` comes. A place inside a character of two units is refused. */
export type TextSplice = readonly [at: number, remove: number, insert: string]

/**
 * `splices` are applied in order, each to what those before it left. `from` and `to` say what was on the screen before and after the
 * edit: only the difference is written, and what others wrote meanwhile stays.
 */
export type TextPatch = { readonly splices: ReadonlyArray<TextSplice> } | { readonly from: string; readonly to: string }

/** The text after one splice. */
export const spliceText = (text: string, [at, remove, insert]: TextSplice): string =>
  text.slice(0, at) + insert + text.slice(at + remove)

/** The one splice that makes `to` of `from`, as short as one can be; undefined where they are equal. Cuts no character. */
export const spliceBetween = (from: string, to: string): TextSplice | undefined => {
  if (from === to) return undefined
  const shorter = Math.min(from.length, to.length)
  let start = 0
  while (start < shorter && from[start] === to[start]) start += 1
  if (isInsideCharacter(from, start) || isInsideCharacter(to, start)) start -= 1
  let end = 0
  while (end < shorter - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end += 1
  if (isInsideCharacter(from, from.length - end) || isInsideCharacter(to, to.length - end)) end -= 1
  return [start, from.length - end - start, to.slice(start, to.length - end)]
}

/** Whether a place is between the two units of one character. */
export const isInsideCharacter = (text: string, at: number): boolean =>
  isBetween(text.charCodeAt(at - 1), 0xd800, 0xdbff) && isBetween(text.charCodeAt(at), 0xdc00, 0xdfff)

const isBetween = (unit: number, first: number, last: number): boolean => unit >= first && unit <= last
