/**
 * Starts the Chromium of the browser tier. Each context made from it is a browser profile of its own.
 */
import { type Browser, chromium } from "playwright-core"
import { inject } from "vitest"
import { chromiumFlags } from "../../../scripts/environment/chromium.ts"

/** The caller closes it. `flags` come on top of those every test has. */
export const launchChromium = (flags: ReadonlyArray<string> = []): Promise<Browser> =>
  chromium.launch({ executablePath: inject("chromiumPath"), args: [...chromiumFlags, ...flags] })
