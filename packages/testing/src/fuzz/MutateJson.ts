/**
 * Changes to JSON that keep it JSON: values of another type, extreme numbers and texts, keys gone, doubled or special,
 * deep nesting. Two of ten texts are then broken as bytes as well.
 */
import { Schema } from "effect"
import type { SeededRandom } from "../SeededRandom.ts"
import { hostileBytes, mutateBytes } from "./MutateBytes.ts"

const Json = Schema.fromJsonString(Schema.Unknown)
const decodeJson = Schema.decodeSync(Json)

/** How deep nesting goes at most: a recursive reader's stack ends before. */
const nestingMax = 20_000
/** Characters of the longest text. */
const longTextMax = 70_000

/** How many characters a text may have grown by and still be changed again. */
const grownCharactersMax = 1_000

/** JSON texts put where a value was. `1e999` reads as Infinity, `-0` as −0; a lone surrogate is legal JSON. */
const hostileValues: ReadonlyArray<string> = [
  ...["null", "true", "false", "[]", "{}", '""', "0", "-0", "1", "-1", "0.5", "1e999", "-1e999", "1e-400"],
  ...["4294967295", "4294967296", "9007199254740991", "9007199254740992", "18446744073709551616"],
  ...['"\\ud800"', '"\\u0000"', '"__proto__"', '"constructor"', '"NaN"', '"1"', '"\\u202e"', "[[]]", "[null]"],
  ...['{"__proto__":1}', '{"constructor":{"prototype":{}}}', '{"_tag":"Hello"}', '{"kind":"found"}']
]

const hostileKeys = ["__proto__", "constructor", "toString", "", "_tag", "kind", "\ud800", "length", "then", "0"]

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const nested = (random: SeededRandom): string => {
  const depth = random.between(1, random.chance(0.1) ? nestingMax : 60)
  return random.chance(0.5) ? "[".repeat(depth) + "]".repeat(depth) : `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`
}

const anotherText = (random: SeededRandom, text: string): string => {
  const at = random.below(text.length + 1)
  switch (random.weighted({ cut: 2, swap: 4, grow: 2, long: 0.2 })) {
    case "cut":
      return text.slice(0, at)
    case "swap":
      return text.slice(0, at) + String.fromCharCode(random.below(0x100)) + text.slice(at + 1)
    case "grow":
      return text.slice(0, at) + text.slice(random.below(text.length + 1))
    case "long":
      return "A".repeat(random.below(longTextMax))
  }
}

const anotherNumber = (random: SeededRandom, value: number): string => {
  const another = random.pick([value + 1, value - 1, -value, value + 0.5, value * 2 ** 32, value / 3]) ?? 0
  return Number.isFinite(another) ? String(another) : "1e999"
}

/** The text of a value with one change somewhere inside it. */
const changed = (random: SeededRandom, value: unknown): string => {
  if (random.chance(0.02)) return nested(random)
  if (Array.isArray(value) && value.length > 0 && random.chance(0.9)) {
    const at = random.below(value.length)
    const items = value.flatMap((item: unknown, index) => {
      if (index !== at) return [JSON.stringify(item)]
      return random.chance(0.15)
        ? []
        : random.chance(0.15)
          ? [JSON.stringify(item), JSON.stringify(item)]
          : [changed(random, item)]
    })
    return `[${items.join(",")}]`
  }
  if (isRecord(value) && random.chance(0.9)) return changedRecord(random, value)
  if (typeof value === "string" && random.chance(0.7)) return JSON.stringify(anotherText(random, value))
  if (typeof value === "number" && random.chance(0.5)) return anotherNumber(random, value)
  return random.pick(hostileValues) ?? "null"
}

const changedRecord = (random: SeededRandom, value: Readonly<Record<string, unknown>>): string => {
  const keys = Object.keys(value)
  const target = random.pick(keys)
  const what = random.weighted({ inside: 8, drop: 1, rename: 1, double: 1, add: 1 })
  const pairs = keys.flatMap((key) => {
    const pair = `${JSON.stringify(key)}:${JSON.stringify(value[key]) ?? "null"}`
    if (key !== target) return [pair]
    if (what === "inside") return [`${JSON.stringify(key)}:${changed(random, value[key])}`]
    if (what === "drop") return []
    if (what === "rename")
      return [`${JSON.stringify(random.pick(hostileKeys))}:${JSON.stringify(value[key]) ?? "null"}`]
    return what === "double" ? [pair, `${JSON.stringify(key)}:${random.pick(hostileValues)}`] : [pair]
  })
  if (what === "add") pairs.push(`${JSON.stringify(random.pick(hostileKeys))}:${random.pick(hostileValues)}`)
  return `{${pairs.join(",")}}`
}

/** The JSON text after one to three changes that keep it JSON. */
export const mutateJson = (random: SeededRandom, text: string): string => {
  let mutated = text
  for (let made = random.between(1, 3); made > 0; made--) {
    mutated = changed(random, decodeJson(mutated))
    // What has grown deep or long is not changed further: reading it back here would test nobody's decoder.
    if (mutated.length > text.length + grownCharactersMax) break
  }
  return mutated
}

const encoder = new TextEncoder()

/** What targets of JSON texts take: mostly changed JSON, sometimes broken bytes of it. */
export const hostileJson = (random: SeededRandom, texts: ReadonlyArray<string>): Uint8Array => {
  const text = random.pick(texts) ?? "{}"
  const kind = random.weighted({ whole: 2, changed: 78, broken: 12, bytes: 8 })
  if (kind === "whole") return encoder.encode(text)
  if (kind === "changed") return encoder.encode(mutateJson(random, text))
  if (kind === "broken") return mutateBytes(random, encoder.encode(mutateJson(random, text)), random.between(1, 2))
  return hostileBytes(random, [encoder.encode(text), encoder.encode(random.pick(texts) ?? text)])
}
