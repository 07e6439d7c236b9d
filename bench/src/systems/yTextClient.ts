/** Yjs texts and records as clients of the harness; what carries them is the caller's. */
import { type Doc, Map as YMap } from "yjs"
import type { BenchRecord } from "../BenchRecord.ts"
import type { RecordsClient, TextClient } from "../System.ts"

const onChangeOf =
  (doc: Doc) =>
  (listener: () => void): void => {
    doc.on("update", (_update: Uint8Array, _origin: unknown, _doc: Doc, transaction: { readonly local: boolean }) => {
      if (!transaction.local) listener()
    })
  }

export const yTextClient = (doc: Doc): TextClient => {
  const text = doc.getText("text")
  return {
    text: () => text.toString(),
    length: () => text.length,
    edit: (splices) =>
      doc.transact(() => {
        for (const { at, insert, remove } of splices) {
          if (remove > 0) text.delete(at, remove)
          if (insert.length > 0) text.insert(at, insert)
        }
      }),
    onChange: onChangeOf(doc)
  }
}

/** One doc with a map of maps. */
export const yRecordsClient = (doc: Doc): RecordsClient => {
  const records = doc.getMap<YMap<unknown>>("records")
  return {
    create: (some) =>
      doc.transact(() => {
        for (const { number, ...fields } of some) records.set(String(number), new YMap(Object.entries(fields)))
      }),
    retitle: (number, title) => void records.get(String(number))?.set("title", title),
    count: () => records.size,
    titleOf: (number) => {
      const found = records.get(String(number))
      return found === undefined ? undefined : String(found.get("title"))
    },
    all: () =>
      [...records.entries()].map(([number, map]): BenchRecord => ({
        number: Number(number),
        title: String(map.get("title")),
        done: map.get("done") === true,
        due: Number(map.get("due")),
        note: String(map.get("note"))
      })),
    onChange: onChangeOf(doc)
  }
}
