/**
 * A Chromium whose tabs can be frozen as a phone or an energy saver freezes them.
 *
 * Playwright tells every page of its own contexts that it has the focus, and Chromium never freezes such a page: there,
 * `Page.setWebLifecycleState` answers and does nothing. In the default context of a browser that is connected to with
 * `noDefaults`, it fires the events and stops the page and its worker. Each tab is opened in a window of its own, so that
 * all of them are visible.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { inject } from "vitest"
import { chromiumFlags } from "../../../scripts/environment/chromium.ts"

export interface FreezableChromium {
  readonly browser: Browser
  /** The profile whose tabs can be frozen. */
  readonly context: BrowserContext
  /** Opens an address in a new visible window of that profile. */
  readonly open: (address: string) => Promise<Page>
  readonly close: () => Promise<void>
}

export const freezableChromium = async (): Promise<FreezableChromium> => {
  const profile = await mkdtemp(join(tmpdir(), "tidemark-profile-"))
  const flags = ["--headless", "--remote-debugging-port=0", `--user-data-dir=${profile}`]
  const child = spawn(inject("chromiumPath"), [...chromiumFlags, ...flags, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"]
  })
  let printed = ""
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      const address = /DevTools listening on (\S+)/.exec(printed)?.[1]
      if (address !== undefined) resolve(address)
    })
    child.once("exit", (code) => reject(new Error(`Chromium ended with code ${code}:\n${printed}`)))
    child.once("error", reject)
  })
  const browser = await chromium.connectOverCDP(endpoint, { noDefaults: true })
  const [context] = browser.contexts()
  if (context === undefined) throw new Error("Chromium has no default context")
  context.setDefaultTimeout(20_000)
  const session = await browser.newBrowserCDPSession()
  return {
    browser,
    context,
    open: async (address) => {
      // The mark tells this page from those that others open meanwhile.
      const mark = `about:blank#${crypto.randomUUID()}`
      const opened = context.waitForEvent("page", (page) => page.url() === mark)
      await session.send("Target.createTarget", { url: mark, newWindow: true })
      const page = await opened
      await page.goto(address)
      return page
    },
    close: async () => {
      const ended = once(child, "exit")
      await browser.close()
      child.kill("SIGKILL")
      if (child.exitCode === null && child.signalCode === null) await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}
