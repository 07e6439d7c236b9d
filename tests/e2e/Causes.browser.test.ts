/**
 * Why edits do not reach the server, on the built app: the badge says the cause and the way out, and what was held back goes
 * out by itself. Every cause against a real server: packages/replica/test/Causes.sql.test.ts. Rules: docs/spec/app.md.
 */
import { assert, describe } from "@effect/vitest"
import { decodeHeader, decodePush, type EnvelopeHeader } from "@tidemark/protocol"
import { Result } from "effect"
import { beforeEach, it } from "vitest"
import { type Asked, type HostileProxy, hostileProxy, pass, type Treatment } from "./support/hostileProxy.ts"
import { addTask, badgeSentence, go, type Person, taskItem, untilStatus, untilTasks } from "./support/notesApp.ts"
import { standForAllTests, twoPeople } from "./support/standing.ts"

const stand = standForAllTests()
const person = async () => stand.personOn(await hostileProxy(stand.server.port))

let ada: Person<HostileProxy>
let ben: Person<HostileProxy>

/** Two people share a workspace with one task. */
beforeEach(async () => {
  const both = await twoPeople(person)
  ada = both.ada
  ben = both.ben
  await untilTasks(ben.page, ["o Buy milk"])
  await untilStatus(ada.page, /^Sync status: Synced$/)
})

const isPush = ({ method, path }: Asked) => method === "POST" && path.endsWith("/entries")
const headersOf = ({ body }: Asked): ReadonlyArray<EnvelopeHeader> =>
  Result.getOrThrow(decodePush(new Uint8Array(body))).map((entry) => Result.getOrThrow(decodeHeader(entry)))
const answer = (body: object, status = 200): Treatment => ({
  _tag: "Invent",
  type: "application/json",
  body: JSON.stringify(body),
  status
})

/** Where the workspace's log stands, asked with the device's own token. */
const headOf = async (asked: Asked): Promise<{ readonly head: number; readonly logId: string }> => {
  const { authorization = "" } = asked.headers
  const version = asked.headers["tidemark-protocol"] ?? ""
  const address = new URL(asked.path.replace(/entries$/, "head"), stand.server.origin)
  const told = await fetch(address, { headers: { authorization, "tidemark-protocol": version } })
  return (await told.json()) as { readonly head: number; readonly logId: string }
}

/** Refuses every item of a push for one reason. */
const refuseItems = async (asked: Asked, reason: string, message: string): Promise<Treatment> => {
  const { head, logId } = await headOf(asked)
  const results = headersOf(asked).map(({ deviceSeq }) => ({ _tag: "ItemRefused", deviceSeq, reason, message }))
  return answer({ logId, head, results })
}

const full = "This workspace may hold 1000 bytes on this server, and they are used up"
const disk = "The server's disk is full. Nothing was stored; what you have is safe on your device."

const causes: ReadonlyArray<{
  readonly name: string
  readonly treat: (asked: Asked) => Promise<Treatment>
  readonly says: ReadonlyArray<RegExp>
}> = [
  {
    name: "the quota is full",
    treat: (asked) => refuseItems(asked, "quotaFull", full),
    says: [/they are used up/, /go out by themselves when there is room/]
  },
  {
    name: "the server's disk is full",
    treat: async () => answer({ _tag: "StorageFailed", message: disk }, 503),
    says: [/disk is full/, /go out by themselves when the server can store again/]
  },
  {
    name: "the role is too low",
    treat: (asked) => refuseItems(asked, "roleReader", "This device may read, not write"),
    says: [/may read, not write/, /when an owner lets you edit/]
  }
]

describe("what keeps edits from the server", () => {
  for (const { name, says, treat } of causes) {
    it(`APP-30 ${name}: said with the way out, and sent by itself when it is over`, async () => {
      ada.network.treat((asked) => (isPush(asked) ? treat(asked) : pass))
      await addTask(ada.page, "Held back")
      await ada.page.locator('[data-status="Stalled"]').waitFor({ timeout: 40_000 })
      const text = await badgeSentence(ada.page)
      for (const words of says) assert.match(text, words)
      // What others write arrives all the same.
      await addTask(ben.page, "From Ben")
      await taskItem(ada.page, "From Ben").waitFor()
      ada.network.behave()
      await untilStatus(ada.page, /^Sync status: Synced$/, 70_000)
      await untilTasks(ben.page, ["o Buy milk", "o From Ben", "o Held back"])
    })
  }

  it("APP-31 a refused entry holds back its own doc alone, and is offered again when the page is opened anew", async () => {
    let refusedDoc: string | undefined
    ada.network.treat(async (asked) => {
      if (!isPush(asked)) return pass
      const [first] = headersOf(asked)
      refusedDoc ??= first?.doc
      return first?.doc === refusedDoc ? refuseItems(asked, "malformed", "This entry cannot be read") : pass
    })
    await addTask(ada.page, "Refused")
    await ada.page.locator('[data-status="Stalled"]').waitFor({ timeout: 40_000 })
    assert.match(await badgeSentence(ada.page), /cannot be read[^]*kept here/)
    await go(ada.page, "Contacts")
    const field = ada.page.getByLabel("New contact")
    await field.fill("Grace")
    await field.press("Enter")
    await go(ben.page, "Contacts")
    await ben.page.getByRole("button", { name: "Grace", exact: true }).waitFor()
    ada.network.behave()
    await ada.page.reload()
    await untilStatus(ada.page, /^Sync status: Synced$/)
    await go(ben.page, "Tasks")
    await untilTasks(ben.page, ["o Buy milk", "o Refused"])
  })
})
