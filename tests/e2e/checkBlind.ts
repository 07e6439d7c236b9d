/**
 * `npm run check:blind`: what is typed into the app must be nowhere but on the devices.
 *
 * Types sentinel texts into every field of the built app on one device, shares, joins and edits on a second one, then
 * searches the server's files (as bytes), everything it printed, and everything both devices sent. The search is shown to
 * work by finding what must be there: the workspace's id. Exit code 1 on any hit. Rules: docs/spec/app.md.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"
import { chromiumFlags, ensureChromium } from "../../scripts/environment/chromium.ts"
import { cuttableNetwork } from "./support/cuttableNetwork.ts"
import {
  addTask,
  createWorkspace,
  go,
  joinByLink,
  makeLink,
  newPerson,
  taskItem,
  untilStatus
} from "./support/notesApp.ts"
import { startServer } from "./support/startServer.ts"

const web = join(import.meta.dirname, "..", "..", "apps", "web", "dist")

/** One text per place a person can type into. Letters only, so that no encoding of text changes them. */
const sentinels = {
  workspaceName: "SentinelWorkspaceQuokka",
  taskTitle: "SentinelTitleNarwhal",
  taskNotes: "SentinelNotesOcelot",
  contactName: "SentinelContactPangolin",
  contactEmail: "sentinel.axolotl@example.test",
  contactPhone: "5550163997731",
  guestTask: "SentinelGuestTapir",
  guestName: "SentinelLabelIguana"
}

/** A text as it could stand in bytes: UTF-8, UTF-16, base64 at each of the three alignments, and hex. */
const formsOf = (text: string): ReadonlyArray<Buffer> => {
  const bytes = Buffer.from(text)
  const base64 = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64")
    // The first and last characters depend on the neighbours.
    const core = encoded.slice(shift === 0 ? 0 : 4, -4)
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")]
  })
  return [
    bytes,
    Buffer.from(text, "utf16le"),
    Buffer.from(bytes.toString("hex")),
    ...base64.map((one) => Buffer.from(one))
  ]
}

const folder = await mkdtemp(join(tmpdir(), "tidemark-blind-"))
const server = await startServer({ data: join(folder, "data"), web })
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: [...chromiumFlags] })
try {
  const networks = await Promise.all([cuttableNetwork(server.port), cuttableNetwork(server.port)])
  const [ownerNetwork, guestNetwork] = networks
  const owner = await newPerson(browser, ownerNetwork)
  await createWorkspace(owner, sentinels.workspaceName)
  const workspaceId = /\/w\/([\w-]{22})/.exec(owner.page.url())?.[1] ?? ""
  await addTask(owner.page, sentinels.taskTitle)
  await owner.page.getByRole("button", { name: sentinels.taskTitle, exact: true }).click()
  const notes = owner.page.getByRole("dialog").getByLabel("Notes")
  await notes.fill(sentinels.taskNotes)
  await notes.blur()
  await owner.page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click()
  await go(owner.page, "Contacts")
  const contact = owner.page.getByLabel("New contact")
  await contact.fill(sentinels.contactName)
  await contact.press("Enter")
  await owner.page.getByRole("button", { name: sentinels.contactName, exact: true }).click()
  for (const [label, text] of [
    ["Email", sentinels.contactEmail],
    ["Phone", sentinels.contactPhone]
  ] as const) {
    const field = owner.page.getByRole("dialog").getByLabel(label)
    await field.fill(text)
    await field.blur()
  }
  await owner.page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click()
  await untilStatus(owner.page, /^Sync status: Synced$/)
  const link = await makeLink(owner, "Editor")
  const guest = await newPerson(browser, guestNetwork)
  await joinByLink(guest, link, sentinels.guestName)
  await taskItem(guest.page, sentinels.taskTitle).waitFor()
  await addTask(guest.page, sentinels.guestTask)
  await untilStatus(guest.page, /^Sync status: Synced$/)
  await go(owner.page, "Tasks")
  await taskItem(owner.page, sentinels.guestTask).waitFor()
  await browser.close()
  await server.kill()

  const data = join(folder, "data")
  const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const places = [
    ...(await Promise.all(
      files.map(async ({ name, parentPath }) => ({
        name: `file ${name}`,
        bytes: await readFile(join(parentPath, name))
      }))
    )),
    { name: "the server's output", bytes: Buffer.from(server.printed()) },
    { name: "what the first device sent", bytes: ownerNetwork.sent() },
    { name: "what the second device sent", bytes: guestNetwork.sent() }
  ]
  await Promise.all(networks.map(({ close }) => close()))
  const linkSecret = new URL(link).hash.split(".")[2] ?? ""
  const wanted = Object.entries({ ...sentinels, linkSecret })
  const hits = wanted.flatMap(([what, text]) =>
    places
      .filter(({ bytes }) => formsOf(text).some((form) => bytes.includes(form)))
      .map(({ name }) => `${what} is in ${name}`)
  )
  const total = places.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const isSearchSound =
    ownerNetwork.sent().includes(workspaceId) &&
    places.some(({ bytes, name }) => name.startsWith("file") && bytes.length > 0)
  for (const hit of hits) process.stdout.write(`${hit}\n`)
  process.stdout.write(
    `blind: ${wanted.length} secrets, ${places.length} places, ${total} bytes, ${hits.length} hits\n`
  )
  if (!isSearchSound) process.stdout.write("The search did not even find the workspace's id in what was sent.\n")
  process.exitCode = hits.length === 0 && isSearchSound ? 0 : 1
} finally {
  await browser.close()
  await server.kill()
  await rm(folder, { recursive: true, force: true })
}
