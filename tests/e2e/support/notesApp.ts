/**
 * Tidemark Notes as a person uses it: by its labels and buttons, never by its code.
 *
 * Every function waits for what it asks for and fails after the page's default timeout.
 */
import type { Browser, BrowserContext, Page } from "playwright-core"
import type { CuttableNetwork } from "./cuttableNetwork.ts"

/** A way to the server, and the address it is known by there. */
export interface Network {
  readonly origin: string
}

/** One person's browser profile with one page, and the network it hangs on. */
export interface Person<N extends Network = CuttableNetwork> {
  readonly context: BrowserContext
  readonly page: Page
  readonly network: N
}

/** A fresh profile on the app's first screen. The app is installed for a start without a network when this returns. */
export const newPerson = async <N extends Network>(browser: Browser, network: N): Promise<Person<N>> => {
  const context = await browser.newContext()
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  await page.goto(network.origin)
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  return { context, page, network }
}

/** Makes a workspace and waits until its task list is there. */
export const createWorkspace = async ({ page }: Pick<Person, "page">, name: string): Promise<void> => {
  await page.getByLabel("Name of the workspace").fill(name)
  await page.getByRole("button", { name: "Create" }).click()
  await page.getByLabel("New task").waitFor()
}

/** Makes a link on the share screen and returns its text. */
export const makeLink = async (
  { page }: Pick<Person, "page">,
  role: "Reader" | "Editor" | "Owner"
): Promise<string> => {
  await go(page, "Share")
  await page.getByRole("radiogroup", { name: "What the link allows" }).getByText(role, { exact: true }).click()
  await page.getByRole("button", { name: "Make a link" }).click()
  return page.getByRole("textbox", { name: "Link", exact: true }).inputValue()
}

/** Opens a link as one that was clicked, in the person's own network, and joins. */
export const joinByLink = async ({ network, page }: Person<Network>, link: string, name: string): Promise<void> => {
  const { hash } = new URL(link)
  await page.goto(`${network.origin}/join${hash}`)
  await page.getByLabel("Name on this device").fill(name)
  await page.getByRole("button", { name: "Join workspace" }).click()
  await page.getByRole("heading", { name: "Tasks" }).waitFor()
}

/** Goes to a screen of the open workspace. */
export const go = async (
  page: Page,
  screen: "Tasks" | "Contacts" | "Archive" | "Share" | "Settings"
): Promise<void> => {
  await page.getByRole("navigation", { name: "Workspace" }).getByRole("link", { name: screen }).first().click()
}

export const addTask = async (page: Page, title: string): Promise<void> => {
  const field = page.getByLabel("New task")
  await field.fill(title)
  await field.press("Enter")
  await taskItem(page, title).waitFor()
}

/** The line of a task in the list. */
export const taskItem = (page: Page, title: string) =>
  page.getByRole("listitem").filter({ has: page.getByRole("button", { name: title, exact: true }) })

/** Marks an open task as done. The line may leave the list at once, so that nobody can look whether its box is checked. */
export const checkTask = async (page: Page, title: string): Promise<void> => {
  await page.getByRole("checkbox", { name: `Done: ${title}`, checked: false }).click({ force: true })
}

/** Shows open and done tasks alike. */
export const showAllTasks = async (page: Page): Promise<void> => {
  await page.getByRole("radiogroup", { name: "Which tasks" }).getByText("All", { exact: false }).click()
}

/** The titles of the tasks shown, done ones with a mark, sorted. */
export const shownTasks = (page: Page): Promise<ReadonlyArray<string>> =>
  page
    .getByRole("checkbox", { name: /^Done: / })
    .evaluateAll((boxes) =>
      boxes
        .map(
          (box) => `${(box as HTMLInputElement).checked ? "x" : "o"} ${box.getAttribute("aria-label")?.slice(6) ?? ""}`
        )
        .toSorted()
    )

/** What the badge's details say. */
export const badgeSentence = async (page: Page): Promise<string> => {
  await page.getByRole("button", { name: /^Sync status/ }).click()
  const text = await page.getByRole("dialog").innerText()
  await page.keyboard.press("Escape")
  return text
}

/** Presses "Sync now" once, whatever is open. */
export const pressSyncNow = async (page: Page): Promise<void> => {
  const button = page.getByRole("button", { name: "Sync now" })
  if (!(await button.isVisible())) await page.getByRole("button", { name: /^Sync status/ }).click()
  await button.click()
  await page.keyboard.press("Escape")
  // Seen while it closes, the button would be gone under the next click.
  await button.waitFor({ state: "hidden" })
}

/** Waits until the badge says this. */
export const untilStatus = async (page: Page, words: RegExp, timeout = 20_000): Promise<void> => {
  await page.getByRole("button", { name: words }).waitFor({ timeout })
}

/** Waits until the tasks shown are exactly these. */
export const untilTasks = async (page: Page, expected: ReadonlyArray<string>, timeout = 20_000): Promise<void> => {
  const wanted = expected.toSorted()
  await page
    .waitForFunction(
      (titles) => {
        const boxes = [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox][aria-label^='Done: ']")]
        const shown = boxes.map((box) => `${box.checked ? "x" : "o"} ${box.ariaLabel?.slice(6) ?? ""}`).toSorted()
        return JSON.stringify(shown) === JSON.stringify(titles)
      },
      wanted,
      // Not by frames: a tab that was frozen draws none.
      { timeout, polling: 50 }
    )
    .catch(async (cause: unknown) => {
      const shown = await shownTasks(page)
      throw new Error(`Wanted ${JSON.stringify(wanted)}, the page shows ${JSON.stringify(shown)}`, { cause })
    })
}
