/**
 * Changes to bytes that find what decoders forget: flipped bits, cut ends, foreign stretches, extreme lengths.
 *
 * Nothing in here changes its arguments. Half of all places lie in the first 96 bytes, where headers and lengths are.
 */
import type { SeededRandom } from "../SeededRandom.ts"

/** Where the head of a layout ends, in bytes. */
const headBytes = 96
/** How many bytes one change inserts at most. */
const insertedBytesMax = 64

/** Numbers at which lengths, counts and Seqs go wrong, as big-endian bytes. */
const extremes: ReadonlyArray<ReadonlyArray<number>> = [
  [0],
  [1],
  [0x7f],
  [0x80],
  [0xff],
  [0, 0],
  [0, 1],
  [2, 0],
  [2, 1],
  [0x7f, 0xff],
  [0xff, 0xff],
  [0, 0, 0, 0],
  [0, 0, 0, 1],
  [0, 0x10, 0, 0],
  [0, 0x10, 0, 1],
  [4, 0, 0, 0],
  [4, 0, 0, 1],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0, 0x20, 0, 0, 0, 0, 0, 0],
  [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
]

const place = (random: SeededRandom, bytes: Uint8Array): number =>
  random.below(Math.max(1, random.chance(0.5) ? Math.min(headBytes, bytes.length) : bytes.length))

/** The bytes with `removed` of them at `at` replaced by others. */
const replaced = (bytes: Uint8Array, at: number, removed: number, others: Uint8Array | ReadonlyArray<number>) => {
  const rest = bytes.subarray(Math.min(bytes.length, at + removed))
  const joined = new Uint8Array(at + others.length + rest.length)
  joined.set(bytes.subarray(0, at))
  joined.set(others, at)
  joined.set(rest, at + others.length)
  return joined
}

const changes = {
  flip: (random: SeededRandom, bytes: Uint8Array) => {
    if (bytes.length === 0) return bytes
    const at = place(random, bytes)
    return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)))
  },
  overwrite: (random: SeededRandom, bytes: Uint8Array) =>
    bytes.length === 0 ? bytes : bytes.with(place(random, bytes), random.below(256)),
  extreme: (random: SeededRandom, bytes: Uint8Array) => {
    const value = random.pick(extremes) ?? []
    return replaced(bytes, place(random, bytes), value.length, value)
  },
  truncate: (random: SeededRandom, bytes: Uint8Array) => bytes.subarray(0, place(random, bytes)),
  behead: (random: SeededRandom, bytes: Uint8Array) => bytes.subarray(random.below(Math.min(16, bytes.length + 1))),
  insert: (random: SeededRandom, bytes: Uint8Array) =>
    replaced(bytes, place(random, bytes), 0, random.bytes(random.between(1, insertedBytesMax))),
  remove: (random: SeededRandom, bytes: Uint8Array) =>
    replaced(bytes, place(random, bytes), random.between(1, insertedBytesMax), []),
  repeat: (random: SeededRandom, bytes: Uint8Array) => {
    const at = place(random, bytes)
    const stretch = bytes.subarray(at, at + random.between(1, insertedBytesMax))
    return replaced(bytes, at, 0, stretch)
  },
  append: (random: SeededRandom, bytes: Uint8Array) =>
    replaced(bytes, bytes.length, 0, random.bytes(random.between(1, insertedBytesMax)))
} as const

const weights = {
  flip: 4,
  overwrite: 3,
  extreme: 5,
  truncate: 1,
  behead: 0.3,
  insert: 1,
  remove: 1,
  repeat: 1,
  append: 0.5
} as const satisfies Record<keyof typeof changes, number>

/** The bytes after `count` changes. */
export const mutateBytes = (random: SeededRandom, bytes: Uint8Array, count = random.between(1, 6)): Uint8Array => {
  let mutated = bytes
  for (let made = 0; made < count; made++) mutated = changes[random.weighted(weights)](random, mutated)
  return mutated
}

/** The start of one and the end of another. */
export const spliceBytes = (random: SeededRandom, left: Uint8Array, right: Uint8Array): Uint8Array =>
  replaced(left.subarray(0, place(random, left)), place(random, left), 0, right.subarray(place(random, right)))

/** What most targets take: a sample as it is (2 %), random bytes (3 %), two samples spliced (15 %), a sample changed. */
export const hostileBytes = (random: SeededRandom, samples: ReadonlyArray<Uint8Array>): Uint8Array => {
  const sample = random.pick(samples) ?? new Uint8Array(0)
  const kind = random.weighted({ whole: 2, noise: 3, splice: 15, change: 80 })
  if (kind === "whole") return sample
  if (kind === "noise") return random.bytes(random.below(256))
  if (kind === "change") return mutateBytes(random, sample)
  return mutateBytes(random, spliceBytes(random, sample, random.pick(samples) ?? sample), random.below(3))
}
