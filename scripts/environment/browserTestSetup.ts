/**
 * Vitest's global setup of the `browser` tier: a Chromium, and the app built from the sources as they are now.
 *
 * Tests read the executable by `inject("chromiumPath")` or from `TIDEMARK_TEST_CHROMIUM`, and launch it with
 * `chromiumFlags` of `chromium.ts`. The build is cached by turbo: nothing changed, nothing built.
 */
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { ensureChromium } from "./chromium.ts"
import { runProcess } from "./internal/runProcess.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** Absolute path of the Chromium executable. */
    readonly chromiumPath: string
  }
}

/** The root of the repository. */
const root = join(import.meta.dirname, "..", "..")

/** Prepares both; a build that fails or a browser that cannot be had fails the run. */
export default async function setup(project: TestProject): Promise<void> {
  const chromiumPath = await ensureChromium()
  process.env["TIDEMARK_TEST_CHROMIUM"] = chromiumPath
  project.provide("chromiumPath", chromiumPath)
  await runProcess("npm", ["run", "--silent", "build"], { cwd: root })
}
