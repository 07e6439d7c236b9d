/**
 * Checks what a call does to one text before the doc is touched: each splice against the text as those before it leave it.
 *
 * As long as no character has two UTF-16 units the length says everything; the text itself is only built where it is needed.
 */
import type { LoroText } from "loro-crdt"
import { spliceOperationsMax } from "../ModelLimits.ts"
import { isInsideCharacter, spliceBetween, spliceText, type TextSplice } from "../TextPatch.ts"
import type { Column } from "./column.ts"
import { isPlainObject } from "./plainObject.ts"
import { mergeTexts } from "./writeText.ts"

/** A write to a text that can be done without a fault. `whole` is what it becomes, by as few operations as may be. */
export type TextWrite =
  | { readonly kind: "splices"; readonly field: string; readonly splices: ReadonlyArray<TextSplice> }
  | { readonly kind: "whole"; readonly field: string; readonly whole: string }

/** A text in the course of a call. */
export class PlannedText {
  readonly #column: Column
  readonly #stored: () => LoroText | undefined
  /** Splices planned and not yet in `#content`. */
  #planned: Array<TextSplice> = []
  #length = 0
  #hasPairs = false
  #content: string | undefined

  /** `stored` gives the text as the doc has it, if it does; the handle given is freed here. */
  constructor(column: Column, stored: () => LoroText | undefined) {
    this.#column = column
    this.#stored = stored
    const text = stored()
    if (text === undefined) return
    this.#length = text.length
    this.#hasPairs = text.convertPos(this.#length, "utf16", "unicode") !== this.#length
    text.free()
  }

  /** The write of a patch, undefined where it changes nothing, or in words why it cannot be. */
  plan(patch: unknown): TextWrite | undefined | string {
    if (!isPlainObject(patch)) return expected
    const { from, splices, to, ...rest } = patch
    if (Object.keys(rest).length > 0) return expected
    if (splices === undefined) return isText(from) && isText(to) ? this.#rewrite(from, to) : expected
    const isSplices = from === undefined && to === undefined && Array.isArray(splices) && splices.every(isSplice)
    return isSplices ? this.#splices(splices) : expected
  }

  /** The write of a new record's text. */
  planNew(content: unknown): TextWrite | undefined | string {
    return isText(content) ? this.#splices([[0, 0, content]]) : "Expected text"
  }

  #splices(given: ReadonlyArray<TextSplice>): TextWrite | undefined | string {
    let operations = 0
    for (const splice of given) {
      const fault = this.#faultOf(splice)
      if (fault !== undefined) return fault
      operations += splice[1] + splice[2].length
      this.#apply(splice)
    }
    if (operations > spliceOperationsMax) return tooLong(operations)
    if (operations === 0) return undefined
    return { kind: "splices", field: this.#column.name, splices: given }
  }

  #rewrite(from: string, to: string): TextWrite | undefined | string {
    const fault = this.#column.faultOf(to)
    if (fault !== undefined) return fault
    if (from === to) return undefined
    const current = this.#contentNow()
    const whole = current === from ? to : mergeTexts(from, current, to)
    const splice = spliceBetween(current, whole)
    if (splice === undefined) return undefined
    const [, remove, insert] = splice
    if (remove + insert.length > spliceOperationsMax) return tooLong(remove + insert.length)
    this.#hasPairs ||= hasSurrogates(insert)
    this.#apply(splice)
    // Where something only came or only went, one splice is the least that can be done.
    return remove === 0 || insert === ""
      ? { kind: "splices", field: this.#column.name, splices: [splice] }
      : { kind: "whole", field: this.#column.name, whole }
  }

  #faultOf([at, remove, insert]: TextSplice): string | undefined {
    const isPlace = Number.isInteger(at) && Number.isInteger(remove) && at >= 0 && remove >= 0
    if (!isPlace || at + remove > this.#length) {
      return `there is no place ${at} to ${at + remove} in a text of ${this.#length} units`
    }
    const fault = this.#column.faultOf(insert)
    if (fault !== undefined) return fault
    if (!this.#hasPairs && !hasSurrogates(insert)) return undefined
    this.#hasPairs = true
    const content = this.#contentNow()
    const isCut = isInsideCharacter(content, at) || isInsideCharacter(content, at + remove)
    return isCut ? `the place ${at} to ${at + remove} cuts a character in two` : undefined
  }

  #apply(splice: TextSplice): void {
    this.#length += splice[2].length - splice[1]
    if (this.#content === undefined) this.#planned.push(splice)
    else this.#content = spliceText(this.#content, splice)
  }

  #contentNow(): string {
    if (this.#content !== undefined) return this.#content
    const text = this.#stored()
    const content = this.#planned.reduce(spliceText, text?.toString() ?? "")
    text?.free()
    this.#planned = []
    this.#content = content
    return content
  }
}

const expected = "Expected { splices: [[at, remove, insert], ...] } or { from, to }"

const isText = (value: unknown): value is string => typeof value === "string"

const isSplice = (value: unknown): value is TextSplice =>
  Array.isArray(value) &&
  value.length === 3 &&
  typeof value[0] === "number" &&
  typeof value[1] === "number" &&
  typeof value[2] === "string"

const hasSurrogates = (text: string): boolean => /[\ud800-\udfff]/.test(text)

const tooLong = (operations: number): string =>
  `it changes ${operations} characters; at most ${spliceOperationsMax} can be changed at once`
