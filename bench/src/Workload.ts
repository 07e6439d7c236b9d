/** A workload: the same work for every system, with its outputs checked. */
import type { ServerUse } from "./account.ts"
import type { ClientProcess } from "./ClientProcess.ts"
import type { Role } from "./Role.ts"
import type { RunningServer } from "./ServerProcess.ts"
import type { Trace } from "./Trace.ts"

/** One figure of one run. */
export type Figures = Readonly<Record<string, number>>

export interface RunContext {
  readonly server: RunningServer
  readonly trace: Trace
  /** Where the trace lies, for the client processes. */
  readonly dataFolder: string | undefined
  readonly client: (role: string, parameters?: Readonly<Record<string, unknown>>) => ClientProcess
}

export interface Workload {
  readonly name: string
  readonly title: string
  /** The figures it gives, with their units, in the order of the table. */
  readonly figures: Readonly<Record<string, string>>
  readonly roles: Readonly<Record<string, Role>>
  /** Throws where an output is not what it must be. */
  readonly run: (context: RunContext) => Promise<Figures>
}

/** What a server used between two looks. */
export const useBetween = (before: ServerUse, after: ServerUse) => ({
  cpuMillis: after.cpuMillis - before.cpuMillis,
  upKilobytes: (after.bytesUp - before.bytesUp) / 1_000,
  downKilobytes: (after.bytesDown - before.bytesDown) / 1_000,
  memoryMegabytes: after.memoryBytes / 1e6
})

export const check = (condition: boolean, sentence: string): void => {
  if (!condition) throw new Error(sentence)
}
