/** Splices on a Loro text. */
import type { LoroText } from "loro-crdt"
import type { Splice } from "../Splice.ts"

export const spliceLoro = (text: LoroText, splices: ReadonlyArray<Splice>): void => {
  for (const { at, insert, remove } of splices) {
    if (remove > 0) text.delete(at, remove)
    if (insert.length > 0) text.insert(at, insert)
  }
}
