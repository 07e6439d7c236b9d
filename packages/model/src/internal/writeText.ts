/**
 * Writes into a Loro text: planned splices, or a whole text by few operations; and merges two texts that were made out of the
 * same one. All by Loro's own difference and its own merge.
 */
import { LoroDoc, type LoroMap, type LoroText } from "loro-crdt"
import { spliceBetween, type TextSplice } from "../TextPatch.ts"
import type { TextWrite } from "./planText.ts"

/** How long Loro may look for the least difference by characters, and then by lines. */
const differenceMillisMax = 150
const lineDifferenceMillisMax = 500

/** Writes, and frees the text. The record says that there is one from the first time on. */
export const writeText = (record: LoroMap, write: TextWrite, text: LoroText): void => {
  if (record.get(write.field) !== true) record.set(write.field, true)
  if (write.kind === "splices") spliceLoroText(text, write.splices)
  else rewriteText(text, write.whole)
  text.free()
}

const spliceLoroText = (text: LoroText, splices: ReadonlyArray<TextSplice>): void => {
  for (const [at, remove, insert] of splices) {
    if (remove > 0) text.delete(at, remove)
    if (insert !== "") text.insert(at, insert)
  }
}

/** Turns the text into `whole`. What both have stays, where it is found in time; else the middle is written anew. */
const rewriteText = (text: LoroText, whole: string): void => {
  for (const update of [
    () => text.update(whole, { timeoutMs: differenceMillisMax }),
    () => text.updateByLine(whole, { timeoutMs: lineDifferenceMillisMax })
  ]) {
    try {
      return update()
    } catch {
      // Not found in time: the text is as it was.
    }
  }
  const splice = spliceBetween(text.toString(), whole)
  if (splice !== undefined) spliceLoroText(text, [splice])
}

/** What becomes of a text that one turned into `mine` and others into `theirs`: the changes of both. */
export const mergeTexts = (base: string, theirs: string, mine: string): string => {
  const start = new LoroDoc()
  start.setPeerId("1")
  start.getText("text").insert(0, base)
  start.commit()
  const made = [theirs, mine].map((whole, index) => {
    const doc = start.fork()
    doc.setPeerId(index === 0 ? "2" : "3")
    rewriteText(doc.getText("text"), whole)
    doc.commit()
    return doc
  })
  start.importBatch(made.map((doc) => doc.export({ mode: "update" })))
  const merged = start.getText("text").toString()
  for (const doc of [start, ...made]) doc.free()
  return merged
}
