/** What happens to a page reaches its worker. */
import { assert, it } from "@effect/vitest"
import { pageState, watchPage } from "../src/PageEvents.ts"
import type { PageState } from "../src/WorkspaceRpc.ts"

/** A page's window and document, without a browser. */
const makePage = () => {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" })
  const navigator = { onLine: true }
  const page = {
    document,
    navigator,
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window)
  }
  return { page, document, navigator, window }
}

it("TAB-8 warns of a freeze, and of nothing else, before it tells of it", () => {
  const { document, page, window } = makePage()
  const told: Array<string> = []
  watchPage(
    page,
    ({ frozen }) => told.push(frozen ? "frozen" : "awake"),
    () => told.push("freezing")
  )
  document.dispatchEvent(new Event("visibilitychange"))
  document.dispatchEvent(new Event("freeze"))
  document.dispatchEvent(new Event("resume"))
  window.dispatchEvent(new Event("pagehide"))
  assert.deepStrictEqual(told, ["awake", "freezing", "frozen", "awake", "frozen"])
})

it("TAB-8 tells of each event at once, and of none after it was stopped", () => {
  const { document, navigator, page, window } = makePage()
  const told: Array<PageState> = []
  const stop = watchPage(page, (state) => told.push(state))
  document.visibilityState = "hidden"
  document.dispatchEvent(new Event("visibilitychange"))
  document.dispatchEvent(new Event("freeze"))
  document.dispatchEvent(new Event("resume"))
  navigator.onLine = false
  window.dispatchEvent(new Event("offline"))
  window.dispatchEvent(new Event("pagehide"))
  document.visibilityState = "visible"
  window.dispatchEvent(new Event("pageshow"))
  navigator.onLine = true
  window.dispatchEvent(new Event("online"))
  stop()
  for (const type of ["pagehide", "online", "offline", "pageshow"]) window.dispatchEvent(new Event(type))
  for (const type of ["visibilitychange", "freeze", "resume"]) document.dispatchEvent(new Event(type))
  assert.deepStrictEqual(told, [
    { visible: false, online: true, frozen: false },
    { visible: false, online: true, frozen: true },
    { visible: false, online: true, frozen: false },
    { visible: false, online: false, frozen: false },
    { visible: false, online: false, frozen: true },
    { visible: true, online: false, frozen: false },
    { visible: true, online: true, frozen: false }
  ])
  assert.deepStrictEqual(pageState(page, true), { visible: true, online: true, frozen: true })
})
