/** What another process of this machine has used, from the system's own account of it. */
import { readFileSync } from "node:fs"

/** Clock ticks of a second, as Linux counts them for programs. */
const ticksPerSecond = 100

export interface ProcessUse {
  /** User and system time, in milliseconds; counted in steps of 10. */
  readonly cpuMillis: number
  /** Resident memory, in bytes. */
  readonly memoryBytes: number
}

/** Asks about a process that runs. Throws where it has ended. */
export const useOf = (pid: number): ProcessUse => {
  // The name of the program, in brackets, may hold anything; what follows it is counted from the state.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return {
    cpuMillis: ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond,
    memoryBytes: Number(rss) * 1_024
  }
}
