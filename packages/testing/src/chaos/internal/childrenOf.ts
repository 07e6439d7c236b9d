/** The processes that one process started and that still belong to it, from the system's own list. */
import { readdirSync, readFileSync } from "node:fs"

const parentOf = (pid: string): number => {
  try {
    // The name of the program, in brackets, may hold anything; state and parent follow it.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1])
  } catch {
    return 0
  }
}

/** Their ids; those that ended meanwhile are left out. */
export const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number)
