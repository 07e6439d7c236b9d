/**
 * A decoder that meets bytes from outside, as the fuzzer sees it.
 *
 * Inputs are bytes in every target, also where the decoder takes text, so that any of them can be printed, kept in the
 * corpus and run again. `input` depends on nothing but its randomness and `run` on nothing but the input: a failing input
 * is its own reproduction.
 */
import type { SeededRandom } from "../SeededRandom.ts"

/** What became of an input. `poisoned`: Loro panicked and the doc was dropped, which is expected and counted. */
export const verdicts = ["accepted", "refused", "poisoned"] as const
export type Verdict = (typeof verdicts)[number]

/** What one input may cost. */
export interface FuzzLimits {
  /** Processor time of the whole process, in milliseconds. Not the clock: the machine has other work too. */
  readonly cpuMillisMax: number
  /** How far one input may raise the highest resident memory the process ever had, in bytes. */
  readonly memoryBytesMax: number
}

/** A target with its samples made, ready to run inputs. */
export interface PreparedTarget {
  /** A hostile input. */
  readonly input: (random: SeededRandom) => Uint8Array | Promise<Uint8Array>
  /** Decodes. Whatever it throws is a finding; so is a rejection that nobody handles. */
  readonly run: (input: Uint8Array) => Verdict | Promise<Verdict>
  readonly close?: () => Promise<void>
}

export interface FuzzTarget {
  readonly name: string
  /** The target's part of all inputs, relative to the others: expensive work gets less. */
  readonly weight: number
  /** Inputs after which the process is replaced, for what only the end of a process gives back (WebAssembly memory). */
  readonly inputsPerProcess: number
  readonly limits: FuzzLimits
  /** Makes samples by the encoders. The same randomness makes the same samples. */
  readonly prepare: (random: SeededRandom) => Promise<PreparedTarget>
}

/** A decoder kept its manners and broke a promise: what it gave does not survive being encoded and decoded again. */
export class PromiseBroken extends Error {
  override readonly name = "PromiseBroken"
}

const megabyte = 1_048_576

/** For decoders that only look at the bytes. */
export const plainLimits: FuzzLimits = { cpuMillisMax: 1_000, memoryBytesMax: 96 * megabyte }
