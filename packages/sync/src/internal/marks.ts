/**
 * Places of the log this device has been at, kept to find the last one that a server still agrees with after it lost its
 * end: all of the last few dozen, and exponentially fewer before [AMNESIA-4]. Pure.
 */
import { Schema } from "effect"
import { type Cursor, Hash, LogId, Seq } from "@tidemark/protocol"

/** Marks this many from the newest are all kept. */
export const marksDenseCount = 32

/** Ascending by Seq; all of one log. */
export const Marks = Schema.Struct({
  logId: LogId,
  places: Schema.Array(Schema.Struct({ seq: Seq, chain: Hash }))
})
export type Marks = typeof Marks.Type

/** The marks with one more, which thins out the older ones. A cursor that is not beyond the last mark changes nothing. */
export const addMark = (marks: Marks | undefined, { chain, logId, seq }: Cursor): Marks => {
  const places = marks?.logId === logId ? marks.places : []
  if (seq === 0 || (places.at(-1)?.seq ?? 0) >= seq) return { logId, places }
  return { logId, places: thinned([...places, { seq, chain }]) }
}

/** The marks at a cursor and before, of that cursor's log. */
export const cutMarks = (marks: Marks | undefined, cursor: Cursor): Marks => ({
  logId: cursor.logId,
  places: marks?.logId === cursor.logId ? marks.places.filter(({ seq }) => seq <= cursor.seq) : []
})

/** Of the older marks, those nearest and farthest of each span of distances 1, 2–3, 4–7, 8–15 … from the newest. */
const thinned = (places: Marks["places"]): Marks["places"] => {
  const newest = places.at(-1)?.seq ?? 0
  const spanOf = (seq: number) => Math.floor(Math.log2(Math.max(1, newest - seq)))
  const older = places.length - marksDenseCount
  return places.filter(({ seq }, index) => {
    if (index >= older) return true
    const [before, after] = [places[index - 1], places[index + 1]]
    const span = spanOf(seq)
    return before === undefined || spanOf(before.seq) !== span || after === undefined || spanOf(after.seq) !== span
  })
}
