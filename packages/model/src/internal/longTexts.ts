/**
 * Which long texts of a doc may still be as a snapshot brought them: Loro keeps them packed until somebody writes in them, and
 * unpacks them then, all at once. Rules: docs/spec/model.md.
 */
import type { LoroDoc } from "loro-crdt"
import { longTextUnitsMin } from "../ModelLimits.ts"
import { recordOfTextRoot } from "./roots.ts"

export class LongTexts {
  readonly #loro: LoroDoc
  /** Undefined where nobody has looked. */
  #packed: Array<string> | undefined = undefined

  constructor(loro: LoroDoc) {
    this.#loro = loro
  }

  /** Much has been imported since: it may have been packed. */
  lookAgain(): void {
    this.#packed = undefined
  }

  /** Unpacks one; false where there is none. */
  unpackNext(): boolean {
    this.#packed ??= this.#find()
    const root = this.#packed.pop()
    if (root === undefined) return false
    const text = this.#loro.getText(root)
    // The cheapest question that no packed text can answer.
    text.getCursor(0)?.free()
    text.free()
    return true
  }

  #find(): Array<string> {
    // Each unit was an operation.
    if (this.#loro.opCount() < longTextUnitsMin) return []
    return Object.keys(this.#loro.getShallowValue()).filter((root) => {
      if (recordOfTextRoot(root) === undefined) return false
      const text = this.#loro.getText(root)
      const { length } = text
      text.free()
      return length >= longTextUnitsMin
    })
  }
}
