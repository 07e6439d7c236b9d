/**
 * Makes sure that a Chromium is there for the browser tests, and says how to launch it.
 *
 * Looks, in this order, at `TIDEMARK_TEST_CHROMIUM`, the system's own Chromium, what Playwright downloaded earlier, apt,
 * and a new Playwright download. Calling it again is cheap: what is installed is found at once. Where nothing works, the
 * error names every way that was tried, and the run fails: browser tests are never left out silently.
 *
 * Run as a program it prints the path: `node scripts/environment/chromium.ts`.
 */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { chromium } from "playwright-core"
import { aptInstall, whyAptCannotInstall } from "./internal/aptInstall.ts"
import { findOnPath, isExecutable } from "./internal/findProgram.ts"
import { runProcess } from "./internal/runProcess.ts"

/**
 * Flags for every launch. No sandbox: tests also run as root in containers. No QUIC, no background networking and no
 * updates: the request log of a test must hold what the app sends and nothing else.
 */
export const chromiumFlags: ReadonlyArray<string> = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** Names under which systems install Chromium; Chrome itself will do. */
const chromiumNames = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

/** Chromium and one font family: without any font, text has no size and nothing can be clicked. */
const chromiumPackages = ["chromium", "fonts-liberation"]

/** One way to get a Chromium: resolves with an executable path, or rejects with the reason. */
interface Way {
  readonly name: string
  readonly get: () => Promise<string>
}

const onSystem = (): string | undefined => findOnPath(chromiumNames)

const requireExecutable = (path: string | undefined, whyNot: string): string => {
  if (path !== undefined && isExecutable(path)) return path
  throw new Error(whyNot)
}

const ways: ReadonlyArray<Way> = [
  {
    name: "the system's own",
    get: async () => requireExecutable(onSystem(), `none of ${chromiumNames.join(", ")} is on PATH`)
  },
  {
    name: "Playwright's earlier download",
    get: async () => requireExecutable(chromium.executablePath(), `${chromium.executablePath()} is not there`)
  },
  {
    name: "apt",
    get: async () => {
      const whyNot = whyAptCannotInstall()
      if (whyNot !== undefined) throw new Error(whyNot)
      await aptInstall(chromiumPackages)
      return requireExecutable(onSystem(), "apt installed the package, but no chromium came with it")
    }
  },
  {
    name: "Playwright's download",
    get: async () => {
      const folder = dirname(createRequire(import.meta.url).resolve("playwright-core/package.json"))
      await runProcess(process.execPath, [join(folder, "cli.js"), "install", "chromium"], { isShown: true })
      return requireExecutable(chromium.executablePath(), `${chromium.executablePath()} did not appear`)
    }
  }
]

/**
 * The path of a Chromium executable, installing one where there is none. Rejects with an `Error` that lists each way
 * and why it failed. A path named by the caller in `TIDEMARK_TEST_CHROMIUM` is used or refused, never replaced.
 */
export const ensureChromium = async (): Promise<string> => {
  const named = process.env["TIDEMARK_TEST_CHROMIUM"]
  if (named !== undefined && named !== "") {
    return requireExecutable(named, `TIDEMARK_TEST_CHROMIUM names ${named}, which is not an executable file`)
  }
  const failures: Array<string> = []
  for (const way of ways) {
    try {
      return await way.get()
    } catch (cause) {
      failures.push(`- ${way.name}: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  throw new Error(
    `The browser tests need Chromium, and none could be found or installed:\n${failures.join("\n")}\n` +
      "Install one (Debian: apt-get install chromium) or name it in TIDEMARK_TEST_CHROMIUM, then run again."
  )
}

if (import.meta.main) process.stdout.write(`${await ensureChromium()}\n`)
