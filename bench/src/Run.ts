/** One run of one workload on one system: a fresh server, its clients, a time limit, and everything ended afterwards. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startClient } from "./ClientProcess.ts"
import { startServer } from "./ServerProcess.ts"
import type { System } from "./System.ts"
import type { Trace } from "./Trace.ts"
import { within } from "./Within.ts"
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
    await within(workload.secondsMax, runIn(folder, workload, system, settings, figures, ending))
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
  ending: Array<() => unknown>
): Promise<void> => {
  const server = await startServer(system, join(folder, "server"))
  ending.push(server.stop)
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
  await Promise.race([work(), server.died])
}
