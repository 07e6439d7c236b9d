/**
 * The limits of the model, each with its unit in its name. Rules: docs/spec/model.md.
 */

/** How many records a shard doc takes before its device opens the next one [MUT-7]. Counted in records. */
export const recordsPerShardMax = 2_000

/**
 * How many hash shards each table has for records whose id the app gives. Permanent: another number would send the same
 * key to another doc. Counted in docs.
 */
export const hashShardsPerTable = 16

/** How many operations one update or snapshot may hold. More is refused before Loro sees it [IMP-3]. */
export const operationsPerUpdateMax = 2_000_000

/** How many characters of a text one mutation may take out and put in; each is an operation. */
export const spliceOperationsMax = 1_000_000

/** From how many UTF-16 units on a text is decoded before it is first written in; a shorter one is decoded in 3 ms. */
export const longTextUnitsMin = 8_192

/** How long an id given by the app may be, in bytes of UTF-8. */
export const recordKeyBytesMax = 128

/** How many updates that make Loro panic `ShardDoc.open` sorts out before it gives the doc up. Counted in updates. */
export const panicsPerOpenMax = 8
