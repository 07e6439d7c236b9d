/**
 * What the tests of a file stand on: one Chromium, and the real server over a folder of its own, for each test or for all of
 * them. It registers its own beginning and end.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, beforeEach, onTestFinished } from "vitest"
import { type CuttableNetwork, cuttableNetwork } from "./cuttableNetwork.ts"
import { launchChromium } from "./launchChromium.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  type Network,
  newPerson,
  type Person,
  taskItem
} from "./notesApp.ts"
import { type RunningServer, startServer } from "./startServer.ts"

/** The built app. */
const web = join(import.meta.dirname, "..", "..", "..", "apps", "web", "dist")

export class Standing {
  #browser: Browser | undefined
  #server: RunningServer | undefined
  #data = ""

  get browser(): Browser {
    return there(this.#browser)
  }

  get server(): RunningServer {
    return there(this.#server)
  }

  /** The folder of the server's database and secret. */
  get data(): string {
    return this.#data
  }

  /** A server over an empty folder. */
  async begin(): Promise<void> {
    this.#data = await mkdtemp(join(tmpdir(), "tidemark-e2e-"))
    this.#server = await startServer({ data: this.#data, web })
  }

  /** Starts the server that was ended again, where its devices know it. */
  async startAgain(): Promise<void> {
    this.#server = await startServer({ data: this.#data, web, port: this.server.port })
  }

  async end(): Promise<void> {
    await this.server.stop()
    await rm(this.#data, { recursive: true, force: true })
  }

  async openBrowser(): Promise<void> {
    this.#browser = await launchChromium()
  }

  /** A person with a profile of their own on this way to the server; both go when the test is finished. */
  async personOn<N extends Network & { readonly close: () => Promise<void> }>(network: N): Promise<Person<N>> {
    const made = await newPerson(this.browser, network)
    onTestFinished(async () => {
      await made.context.close()
      await network.close()
    })
    return made
  }

  /** A person whose network can be cut. */
  async person(): Promise<Person<CuttableNetwork>> {
    return this.personOn(await cuttableNetwork(this.server.port))
  }
}

const there = <A>(one: A | undefined): A => {
  if (one === undefined) throw new Error("Nothing stands here outside of a test")
  return one
}

/** A server for each test of the file. */
export const standForEachTest = (): Standing => {
  const standing = new Standing()
  beforeAll(() => standing.openBrowser())
  afterAll(() => standing.browser.close())
  beforeEach(async () => {
    await standing.begin()
    return () => standing.end()
  })
  return standing
}

/** One server for all tests of the file. */
export const standForAllTests = (): Standing => {
  const standing = new Standing()
  beforeAll(async () => {
    await standing.begin()
    await standing.openBrowser()
  })
  afterAll(async () => {
    await standing.browser.close()
    await standing.end()
  })
  return standing
}

/** Two people in one workspace with one task: who made it, and who joined by a link of this role. */
export const twoPeople = async <N extends Network>(
  person: () => Promise<Person<N>>,
  role: "Reader" | "Editor" = "Editor"
) => {
  const ada = await person()
  await createWorkspace(ada, "Household")
  await addTask(ada.page, "Buy milk")
  const link = await makeLink(ada, role)
  await go(ada.page, "Tasks")
  const ben = await person()
  await joinByLink(ben, link, "Ours")
  await taskItem(ben.page, "Buy milk").waitFor()
  return { ada, ben, link }
}
