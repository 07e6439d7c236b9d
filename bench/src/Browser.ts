/**
 * What is measured in the browser, by the scripts of the root: the size of the worker, and how soon a local write is a visible row.
 * They print one line of JSON; a figure whose script fails is not measured.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import type { Row } from "./Results.ts"
import type { Figures, Part } from "./Workload.ts"

export const browserName = "browser"

/** The name its figures have among the systems. */
export const browserSystem = "tidemark-web"

export const browserPart: Part = {
  title: "the built app in Chromium",
  figures: {
    engineGzipKilobytes: { title: "the engine's own JavaScript, gzip", unit: "kB" },
    workerGzipKilobytes: { title: "the whole worker, gzip", unit: "kB" },
    writeVisibleMillisP95: { title: "a local write is a visible row, p95 at 10,000 rows", unit: "ms" },
    floorVisibleMillisP95: { title: "the floor: bare Dexie, written by the page itself", unit: "ms" }
  }
}

const root = join(import.meta.dirname, "..", "..")
const scriptMillisMax = 300_000

/** The line of JSON an npm script of the root prints; its failure in words where there is none. */
const askScript = (script: string): unknown => {
  const { error, stdout } = spawnSync("npm", ["run", "--silent", script, "--", "--json"], {
    ...{ cwd: root, encoding: "utf8", timeout: scriptMillisMax },
    stdio: ["ignore", "pipe", "ignore"]
  })
  const line = (stdout ?? "").trim().split("\n").at(-1) ?? ""
  // A script that misses its target ends with 1, and has said its figures all the same.
  if (!line.startsWith("{"))
    throw new Error(`npm run ${script} gave no figures${error === undefined ? "" : `: ${error.message}`}`)
  return JSON.parse(line)
}

const numberAt = (value: unknown, ...path: ReadonlyArray<string>): number => {
  const found = path.reduce<unknown>((inside, name) => (inside as Record<string, unknown> | undefined)?.[name], value)
  if (typeof found !== "number") throw new Error(`there is no number ${path.join(".")} in a script's figures`)
  return found
}

const sizes = (): Figures => {
  const found = askScript("size")
  return {
    engineGzipKilobytes: numberAt(found, "engineGzipBytes") / 1_000,
    workerGzipKilobytes: numberAt(found, "workerGzipBytes") / 1_000
  }
}

const writes = (): Figures => {
  const found = askScript("bench:browser")
  return {
    writeVisibleMillisP95: numberAt(found, "visibleMillisP95", "10000"),
    floorVisibleMillisP95: numberAt(found, "floorMillisP95", "10000")
  }
}

/** Both scripts, once. */
export const measureBrowser = (): Omit<Row, "takenAt"> => {
  const failures: Array<string> = []
  const figures = [sizes, writes].map((measure) => {
    try {
      return measure()
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
      return {}
    }
  })
  return { workload: browserName, system: browserSystem, runs: [Object.assign({}, ...figures) as Figures], failures }
}
