/**
 * The mark for "no value" in a row. Rules: docs/spec/model.md.
 */

/**
 * Stands in a row where a field has no value, or none that this version of the app can read. IndexedDB cannot index
 * `null` or an absent property, and a compound index would drop the whole row; this text can be indexed, sorts after
 * every number and date and before every other text, and survives JSON. No field accepts it as a value.
 */
export const missing = "\u0000"
export type Missing = typeof missing

/** True where a row's field has no value: `rows.filter((row) => !isMissing(row.due))`. */
export const isMissing = (cell: unknown): cell is Missing => cell === missing
