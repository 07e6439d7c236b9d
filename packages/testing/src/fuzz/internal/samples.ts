/** Valid samples of every kind that goes over the wire, from the schemas' arbitraries and the encoders. */
import { Arbitrary, Effect, type Schema } from "effect"
import {
  bytesToId,
  type Cursor,
  DeviceId,
  DeviceSeq,
  DocId,
  type EnvelopeHeader,
  Hash,
  KeyId,
  LogId,
  RosterNumber,
  Seq
} from "@tidemark/protocol"
import type { SeededRandom } from "../../SeededRandom.ts"

/** `count` values of a schema's type, the same for the same randomness. */
export const valuesOf = <S extends Schema.Constraint>(
  schema: S,
  random: SeededRandom,
  count: number
): Promise<ReadonlyArray<S["Type"]>> =>
  Effect.runPromise(Arbitrary.sampleEffect(Arbitrary.schema(schema), { seed: random.below(2 ** 31), count, size: 12 }))

/** A whole number whose size is as random as its value: small ones, and some near the ends of their range. */
export const countUpTo = (random: SeededRandom, max: number): number => {
  const kind = random.weighted({ small: 6, any: 2, zero: 1, last: 1 })
  if (kind === "zero") return 0
  if (kind === "last") return max
  return random.below(kind === "small" ? Math.min(40, max + 1) : max)
}

export const cursorOf = (random: SeededRandom): Cursor => ({
  logId: LogId.make(bytesToId(random.bytes(16))),
  seq: Seq.make(countUpTo(random, Number.MAX_SAFE_INTEGER)),
  chain: Hash.make(bytesToId(random.bytes(32)))
})

export const headerOf = (random: SeededRandom): EnvelopeHeader => {
  const parts = random.between(1, random.chance(0.8) ? 1 : 64)
  return {
    version: random.chance(0.9) ? 1 : random.between(1, 255),
    suite: random.chance(0.9) ? 1 : random.below(256),
    kind: random.chance(0.9) ? random.between(1, 2) : random.below(256),
    keyId: KeyId.make(bytesToId(random.bytes(8))),
    doc: DocId.make(bytesToId(random.bytes(16))),
    device: DeviceId.make(bytesToId(random.bytes(16))),
    deviceSeq: DeviceSeq.make(Math.max(1, countUpTo(random, Number.MAX_SAFE_INTEGER))),
    roster: RosterNumber.make(countUpTo(random, 0xffff_ffff)),
    part: random.below(parts),
    parts,
    nonce: random.bytes(12)
  }
}

/** Bytes as long as small ones usually are. */
export const chunk = (random: SeededRandom): Uint8Array => random.bytes(countUpTo(random, 300))

/** `count` samples, each of a stream of its own. */
export const samplesOf = <A>(
  random: SeededRandom,
  count: number,
  make: (random: SeededRandom) => A
): ReadonlyArray<A> => Array.from({ length: count }, (_, index) => make(random.fork(`${index}`)))
