/** A throwaway PostgreSQL, durable as in production, behind the Tidemark server: by the script that the tests use. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Backing } from "../System.ts"

const script = fileURLToPath(new URL("../../../scripts/environment/postgres.ts", import.meta.url))

/** Linux counts processor time in hundredths of a second. */
const millisPerTick = 10

interface ProcessUse {
  readonly pid: number
  readonly parent: number
  readonly cpuMillis: number
}

/** What the kernel says of a process: its parent, and its time with that of its ended children. */
const readUse = (pid: number): ProcessUse | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number)
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0)
    return { pid, parent: fields[1] ?? 0, cpuMillis: ticks * millisPerTick }
  } catch {
    return undefined
  }
}

/** The processes under one, itself not included. */
const descendantsOf = (root: number): ReadonlyArray<ProcessUse> => {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (readUse(Number(name)) ?? []) : []))
  const found = new Set([root])
  for (let before = 0; before < found.size;) {
    before = found.size
    for (const { parent, pid } of all) if (found.has(parent)) found.add(pid)
  }
  return all.filter(({ pid }) => pid !== root && found.has(pid))
}

const ownMemoryBytes = (pid: number): number => {
  try {
    const own = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return Number(own ?? 0) * 1_024
  } catch {
    return 0
  }
}

export const start = async (): Promise<Backing> => {
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })
  const [url] = (await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(() => Promise.reject(new Error("no throwaway PostgreSQL could be started")))
  ])) as [string]
  const pid = child.pid ?? 0
  return {
    environment: { DATABASE_URL: url },
    cpuMillis: () => descendantsOf(pid).reduce((sum, { cpuMillis }) => sum + cpuMillis, 0),
    memoryBytes: () => descendantsOf(pid).reduce((sum, one) => sum + ownMemoryBytes(one.pid), 0),
    stop: async () => {
      if (child.exitCode !== null) return
      const ended = once(child, "exit")
      child.stdin.end()
      await ended
    }
  }
}
