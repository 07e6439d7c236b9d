/** A Loro text as a client of the harness; what commits and carries it is the caller's. */
import type { LoroDoc } from "loro-crdt"
import type { TextClient } from "../System.ts"

/** A Loro doc whose commits are sent. */
export interface LoroCommits {
  readonly doc: LoroDoc
  /** Runs the change, commits and sends it. */
  readonly commit: (change: () => void) => void
  readonly onChange: (listener: () => void) => void
}

export const loroTextClient = ({ commit, doc, onChange }: LoroCommits): TextClient => {
  const text = doc.getText("text")
  return {
    text: () => text.toString(),
    length: () => text.length,
    edit: (splices) =>
      commit(() => {
        for (const { at, insert, remove } of splices) {
          if (remove > 0) text.delete(at, remove)
          if (insert.length > 0) text.insert(at, insert)
        }
      }),
    onChange
  }
}
