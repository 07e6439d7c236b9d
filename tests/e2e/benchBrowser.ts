/**
 * `npm run bench:browser`: how long a local write takes to be a visible row, in Chromium, at 0 and at 10,000 rows.
 *
 * The page is built as apps build theirs; it syncs with a real server meanwhile, over strict IndexedDB. Prints p50 and p95
 * over 500 edits, after 50 that are not counted, and in turn with them those of the floor: the same rows in bare Dexie, written by
 * the page itself. Exits with 1 where a p95 is not below a frame. `--json` prints the p95 alone, by rows.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { chromiumFlags, ensureChromium } from "../../scripts/environment/chromium.ts"
import { buildPage } from "./support/buildPage.ts"
import { startServer } from "./support/startServer.ts"
import type { TestTabs } from "./tabsPage/main.ts"

/** A frame at 60 a second, in milliseconds. */
const frameMillis = 16
const editCount = 500
const warmUpCount = 50
const rowCounts = [0, 10_000]

type BenchPage = typeof globalThis & { readonly tabs: TestTabs }

/** Both are timed in slices, in turn: what else the machine does then falls on both. */
const sliceCount = 5

interface Times {
  readonly p50Millis: number
  readonly p95Millis: number
}

interface Figure {
  readonly rows: number
  readonly written: Times
  readonly floor: Times
}

const quantile = (ascending: ReadonlyArray<number>, share: number): number =>
  ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN

const timesOf = (millis: ReadonlyArray<number>): Times => {
  const ascending = millis.toSorted((a, b) => a - b)
  return { p50Millis: quantile(ascending, 0.5), p95Millis: quantile(ascending, 0.95) }
}

const measure = async (browser: Browser, origin: string, rows: number): Promise<Figure> => {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.goto(origin)
    const id = await page.evaluate(() => (globalThis as BenchPage).tabs.create("bench"))
    await page.evaluate((workspace) => (globalThis as BenchPage).tabs.open(workspace as never), id)
    const found = await page.evaluate((count) => (globalThis as BenchPage).tabs.fill(count), rows)
    if (found !== rows) throw new Error(`${found} rows are there, not ${rows}`)
    await page.waitForFunction(() => (globalThis as BenchPage).tabs.status()?._tag === "Synced", undefined, {
      timeout: 120_000
    })
    await page.evaluate((count) => (globalThis as BenchPage).tabs.fillFloor(count), rows)
    const edit = (count: number) => page.evaluate((some) => (globalThis as BenchPage).tabs.timeEdits(some), count)
    const editFloor = (count: number) => page.evaluate((some) => (globalThis as BenchPage).tabs.timeFloor(some), count)
    for (const warmUp of [edit, editFloor]) await warmUp(warmUpCount)
    const [written, floor]: [Array<number>, Array<number>] = [[], []]
    for (let slice = 0; slice < sliceCount; slice++) {
      written.push(...(await edit(editCount / sliceCount)))
      floor.push(...(await editFloor(editCount / sliceCount)))
    }
    return { rows, written: timesOf(written), floor: timesOf(floor) }
  } finally {
    await context.close()
  }
}

const folder = await mkdtemp(join(tmpdir(), "tidemark-bench-browser-"))
await buildPage(join(import.meta.dirname, "tabsPage"), join(folder, "web"))
const server = await startServer({ data: join(folder, "data"), web: join(folder, "web") })
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: [...chromiumFlags] })
try {
  const figures: Array<Figure> = []
  for (const rows of rowCounts) figures.push(await measure(browser, server.origin, rows))
  if (process.argv.includes("--json")) {
    const byRows = (kind: "written" | "floor") =>
      Object.fromEntries(figures.map((one) => [one.rows, one[kind].p95Millis]))
    console.log(JSON.stringify({ visibleMillisP95: byRows("written"), floorMillisP95: byRows("floor") }))
  } else {
    for (const { floor, rows, written } of figures) {
      const verdict = written.p95Millis < frameMillis ? "met" : "MISSED"
      const words = ({ p50Millis, p95Millis }: Times) =>
        `p50 ${p50Millis.toFixed(1)} ms, p95 ${p95Millis.toFixed(1)} ms`
      console.log(
        `${String(rows).padStart(6)} rows: ${words(written)} (bare Dexie: ${words(floor)}), p95 below ${frameMillis} ms: ${verdict}`
      )
    }
  }
  process.exitCode = figures.every(({ written }) => written.p95Millis < frameMillis) ? 0 : 1
} finally {
  await browser.close()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}
