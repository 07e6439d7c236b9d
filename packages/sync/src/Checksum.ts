/**
 * The checksum beside everything a device stores: 53 bits, so that it is a whole number wherever it is kept.
 *
 * It finds damage, not forgery: whoever can write the store can write the sum as well. Two lanes of 32 bits take every value
 * by steps that can be undone, so a change of one value always changes the sum; any other damage passes once in 2⁵³. It is
 * synchronous, because it is computed inside a transaction, where WebCrypto cannot be waited for. Rules: docs/spec/check.md.
 */

/** Odd, so that multiplying by them can be undone. From the golden ratio, and from MurmurHash3's finalizer. */
const primes = [0x9e37_79b1, 0x85eb_ca6b, 0xc2b2_ae35] as const

/** What stands before a value, so that no two sequences of values are taken for each other. */
const kinds = { bytes: 1, text: 2, number: 3, list: 4, nothing: 5 } as const

/** Takes values one after the other; `sum` may be asked once. Numbers are finite. */
export class Checksum {
  #high = 0x7469_6465
  #low = 0x6d61_726b

  text(value: string): this {
    this.#take(kinds.text)
    this.#take(value.length)
    let [high, low] = [this.#high, this.#low]
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index)
      high = stepHigh(high, unit)
      low = stepLow(low, unit)
    }
    this.#high = high
    this.#low = low
    return this
  }

  number(value: number): this {
    this.#take(kinds.number)
    if (Number.isInteger(value)) {
      this.#take(value >>> 0)
      this.#take(Math.floor(value / 2 ** 32) | 0)
      return this
    }
    return this.text(String(value))
  }

  bytes(value: Uint8Array): this {
    this.#take(kinds.bytes)
    this.#take(value.length)
    let [high, low] = [this.#high, this.#low]
    const { length } = value
    const whole = length - (length % 4)
    for (let index = 0; index < length; index += index < whole ? 4 : 1) {
      const word = index < whole ? wordAt(value, index) : byteAt(value, index)
      high = stepHigh(high, word)
      low = stepLow(low, word)
    }
    this.#high = high
    this.#low = low
    return this
  }

  /** How many values of a list follow. */
  list(length: number): this {
    this.#take(kinds.list)
    this.#take(length)
    return this
  }

  /** A value that is not there. */
  nothing(): this {
    this.#take(kinds.nothing)
    return this
  }

  /** From 0 to 2⁵³ − 1. */
  sum(): number {
    return (scrambled(this.#high) >>> 0) * 2 ** 21 + (scrambled(this.#low) >>> 11)
  }

  #take(word: number): void {
    this.#high = stepHigh(this.#high, word)
    this.#low = stepLow(this.#low, word)
  }
}

const byteAt = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0

const wordAt = (bytes: Uint8Array, index: number): number =>
  byteAt(bytes, index) |
  (byteAt(bytes, index + 1) << 8) |
  (byteAt(bytes, index + 2) << 16) |
  (byteAt(bytes, index + 3) << 24)

const stepHigh = (lane: number, word: number): number => {
  const mixed = Math.imul(lane ^ word, primes[0])
  return mixed ^ (mixed >>> 15)
}

const stepLow = (lane: number, word: number): number => {
  const mixed = Math.imul(((lane << 13) | (lane >>> 19)) ^ word, primes[1])
  return mixed ^ (mixed >>> 16)
}

const scrambled = (lane: number): number => {
  const once = Math.imul(lane ^ (lane >>> 16), primes[1])
  const twice = Math.imul(once ^ (once >>> 13), primes[2])
  return twice ^ (twice >>> 16)
}
