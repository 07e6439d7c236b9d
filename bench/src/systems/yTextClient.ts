/** A Yjs text as a client of the harness; what carries it is the caller's. */
import type { Doc } from "yjs"
import type { TextClient } from "../System.ts"

type Carried = Pick<TextClient, "flushed" | "disconnect" | "reconnect" | "close">

export const yTextClient = (doc: Doc, carried: Carried): TextClient => {
  const text = doc.getText("text")
  const listeners: Array<() => void> = []
  doc.on("update", (_update: Uint8Array, _origin: unknown, _doc: Doc, transaction: { readonly local: boolean }) => {
    if (!transaction.local) for (const listener of listeners) listener()
  })
  return {
    ...carried,
    text: () => text.toString(),
    length: () => text.length,
    edit: (splices) =>
      doc.transact(() => {
        for (const { at, insert, remove } of splices) {
          if (remove > 0) text.delete(at, remove)
          if (insert.length > 0) text.insert(at, insert)
        }
      }),
    onChange: (listener) => void listeners.push(listener)
  }
}
