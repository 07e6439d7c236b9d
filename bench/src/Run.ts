/** One run of one workload on one system: a fresh server, its clients, a time limit, and everything ended afterwards. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startClient } from "./ClientProcess.ts"
import { startServer } from "./ServerProcess.ts"
import type { System } from "./System.ts"
import type { Trace } from "./Trace.ts"
import type { Workload } from "./Workload.ts"

/** What all runs share. */
export interface RunSettings {
  readonly trace: Trace
  readonly dataFolder: string | undefined
  /** The parts asked for, such as W3; `undefined` for all. */
  readonly parts: ReadonlyArray<string> | undefined
}

export interface RunEnd {
  readonly figures: Record<string, number>
  readonly failure?: string
  readonly millis: number
}

export const runOnce = async (workload: Workload, system: System, settings: RunSettings): Promise<RunEnd> => {
  const began = Date.now()
  const figures: Record<string, number> = {}
  const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"))
  const ending: Array<() => unknown> = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    await within(workload.secondsMax, (ended) => runIn(folder, workload, system, settings, figures, ending, ended))
    return { figures, millis: Date.now() - began }
  } catch (error) {
    return { figures, failure: error instanceof Error ? error.message : String(error), millis: Date.now() - began }
  } finally {
    for (const end of ending.toReversed()) await end()
  }
}

const runIn = async (
  folder: string,
  workload: Workload,
  system: System,
  { dataFolder, parts, trace }: RunSettings,
  figures: Record<string, number>,
  ending: Array<() => unknown>,
  ended: Promise<never>
): Promise<void> => {
  const server = await startServer(system, join(folder, "server"))
  ending.push(server.stop)
  const ends = [server.died, ended]
  let clients = 0
  const start = (role: string, parameters: Readonly<Record<string, unknown>>, invitation: string | undefined) => {
    const client = startClient(system, {
      ...{ workload: workload.name, role, url: server.url, parameters },
      folder: join(folder, `client-${clients++}`),
      ...(invitation === undefined ? {} : { invitation })
    })
    ending.push(client.stop)
    return client
  }
  const work = async (): Promise<void> => {
    const invitation =
      system.isInvited === undefined ? undefined : (await start("prepare", {}, undefined).result)["invitation"]
    await workload.run({
      ...{ server, system, trace, dataFolder },
      client: (role, parameters = {}) =>
        start(role, parameters, typeof invitation === "string" ? invitation : undefined),
      wants: (part) => parts === undefined || parts.includes(part),
      report: (some) => void Object.assign(figures, some)
    })
  }
  await Promise.race([work(), ...ends])
}

const within = async (seconds: number, work: (ended: Promise<never>) => Promise<void>): Promise<void> => {
  let tell: (error: Error) => void = () => undefined
  const ended = new Promise<never>((_, reject) => (tell = reject))
  ended.catch(() => undefined)
  const limit = setTimeout(() => tell(new Error(`not done after ${seconds} s`)), seconds * 1_000)
  try {
    await work(ended)
  } finally {
    clearTimeout(limit)
  }
}
