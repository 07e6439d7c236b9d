/**
 * Randomness from a seed: the same seed draws the same numbers, on every machine.
 *
 * Streams forked under different names do not disturb each other, so that one more draw in one place leaves the others
 * as they were. For simulations only: nobody should keep a secret with it. Rules: docs/spec/world.md.
 */
import { createHash } from "node:crypto"

/** sfc32 by Chris Doty-Humphrey (PractRand), seeded with a hash of a text. */
export class SeededRandom {
  readonly seed: string
  readonly #words: Uint32Array

  constructor(seed: string) {
    this.seed = seed
    const digest = createHash("sha256").update(seed).digest()
    this.#words = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset))
    for (let round = 0; round < 12; round++) this.#word()
  }

  /** An independent stream; it depends on the seed and the name alone. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`)
  }

  /** In [0, 1). */
  next(): number {
    return this.#word() / 2 ** 32
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** One of the items; undefined where there is none. */
  pick<A>(items: ReadonlyArray<A>): A | undefined {
    return items[this.below(items.length)]
  }

  /** A key of the record, each as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights)
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    const found = entries.find(([, weight]) => (left -= weight) < 0) ?? entries[entries.length - 1]
    return found?.[0] as K // a key of the record that was given
  }

  bytes(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(size)
    const view = new DataView(bytes.buffer)
    const whole = size - (size % 4)
    for (let offset = 0; offset < whole; offset += 4) view.setUint32(offset, this.#word())
    for (let offset = whole; offset < size; offset++) bytes[offset] = this.#word() & 0xff
    return bytes
  }

  #word(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#words
    const sum = (a + b + counter) | 0
    this.#words[0] = b ^ (b >>> 9)
    this.#words[1] = c + (c << 3)
    this.#words[2] = ((c << 21) | (c >>> 11)) + sum
    this.#words[3] = counter + 1
    return sum >>> 0
  }
}
