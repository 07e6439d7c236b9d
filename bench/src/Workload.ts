/** A workload: the same work for every system, with its outputs checked. */
import type { ServerUse } from "./account.ts"
import { allReached, type ClientProcess, releaseAll } from "./ClientProcess.ts"
import type { Role } from "./Role.ts"
import type { RunningServer } from "./ServerProcess.ts"
import type { System } from "./System.ts"
import type { Trace } from "./Trace.ts"

/** Figures of one run, by name. */
export type Figures = Readonly<Record<string, number>>

/** What a figure is: its words, and its unit. Less is better unless it says otherwise. */
export interface Figure {
  readonly title: string
  readonly unit: "ms" | "kB" | "MB" | "per s"
  readonly isMoreBetter?: true
}

export interface RunContext {
  readonly server: RunningServer
  readonly trace: Trace
  /** Where the trace lies, for the client processes. */
  readonly dataFolder: string | undefined
  readonly system: System
  readonly client: (role: string, parameters?: Readonly<Record<string, unknown>>) => ClientProcess
  /** Whether this part of the workload was asked for. */
  readonly wants: (part: string) => boolean
  /** Hands figures in as they come, so that a later failure leaves them. */
  readonly report: (figures: Figures) => void
}

/** One of W1 … W9: its title, and its figures in the order of the table. */
export interface Part {
  readonly title: string
  readonly figures: Readonly<Record<string, Figure>>
}

/** Parts that share a run, because one goes on where another ended. */
export interface Workload {
  readonly name: string
  readonly parts: Readonly<Record<string, Part>>
  readonly roles: Readonly<Record<string, Role>>
  /** A run that takes longer has failed. */
  readonly secondsMax: number
  /** What all systems' runs of it may take together, on two cores that have nothing else to do; then it stops after a round. */
  readonly budgetSeconds: number
  /** Throws where an output is not what it must be. */
  readonly run: (context: RunContext) => Promise<void>
}

/** What a server used between two looks. */
export const useBetween = (before: ServerUse, after: ServerUse) => ({
  cpuMillis: after.cpuMillis - before.cpuMillis,
  upKilobytes: (after.bytesUp - before.bytesUp) / 1_000,
  downKilobytes: (after.bytesDown - before.bytesDown) / 1_000,
  memoryMegabytes: after.memoryBytes / 1e6
})

/** Lets all of them go on, and waits until they have come to the next barrier. */
export const goTo = async (clients: ReadonlyArray<ClientProcess>, barrier: string): Promise<void> => {
  releaseAll(clients)
  await allReached(clients, barrier)
}

/** Lets all of them go on to their end; their results. */
export const finish = async (clients: ReadonlyArray<ClientProcess>) => {
  releaseAll(clients)
  return Promise.all(clients.map(({ result }) => result))
}

export const check = (condition: boolean, sentence: string): void => {
  if (!condition) throw new Error(sentence)
}

/** A list of numbers that a client process sent. */
export const numbersOf = (value: unknown): ReadonlyArray<number> => {
  check(Array.isArray(value) && value.every((one) => typeof one === "number"), "a client sent no list of numbers")
  return value as ReadonlyArray<number>
}
