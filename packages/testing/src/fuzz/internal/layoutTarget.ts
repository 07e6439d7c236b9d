/** A target of a decoder that returns a Result, with its encoder: what it accepts must survive the way there and back. */
import { Result } from "effect"
import type { SeededRandom } from "../../SeededRandom.ts"
import { type FuzzTarget, plainLimits, PromiseBroken } from "../FuzzTarget.ts"
import { hostileBytes } from "../MutateBytes.ts"
import { isSame } from "./isSame.ts"

export interface Layout<A> {
  readonly name: string
  readonly weight: number
  readonly decode: (bytes: Uint8Array) => Result.Result<A, unknown>
  readonly encode: (value: A) => Uint8Array
  readonly samples: (random: SeededRandom) => ReadonlyArray<Uint8Array> | Promise<ReadonlyArray<Uint8Array>>
  /** How samples become hostile; changed bytes where it is left out. */
  readonly hostile?: (random: SeededRandom, samples: ReadonlyArray<Uint8Array>) => Uint8Array
}

/** Fails where the value, encoded and decoded again, is another. */
export const assertSurvives = <A>(layout: Pick<Layout<A>, "name" | "decode" | "encode">, value: A): void => {
  const again = layout.decode(layout.encode(value))
  if (Result.isFailure(again)) throw new PromiseBroken(`${layout.name}: what it accepts, encoded again, is refused`)
  if (!isSame(value, again.success)) throw new PromiseBroken(`${layout.name}: encoding and decoding changes the value`)
}

export const layoutTarget = <A>(layout: Layout<A>): FuzzTarget => ({
  name: layout.name,
  weight: layout.weight,
  inputsPerProcess: 100_000,
  limits: plainLimits,
  prepare: async (random) => {
    const samples = await layout.samples(random)
    return {
      input: (one) => (layout.hostile ?? hostileBytes)(one, samples),
      run: (input) => {
        const decoded = layout.decode(input)
        if (Result.isFailure(decoded)) return "refused"
        assertSurvives(layout, decoded.success)
        return "accepted"
      }
    }
  }
})
