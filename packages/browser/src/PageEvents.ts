/**
 * The page's life as its worker must know it: looked at or not, online or not, about to be frozen or gone.
 *
 * Rules: docs/spec/browser.md.
 */
import type { PageState } from "./WorkspaceRpc.ts"

/** What is listened to. `globalThis` of a page fits. */
export interface PageScope {
  readonly document: EventTarget & { readonly visibilityState: string }
  readonly navigator: { readonly onLine: boolean }
  readonly addEventListener: EventTarget["addEventListener"]
  readonly removeEventListener: EventTarget["removeEventListener"]
}

/** Events of the document, and of the window. `pagehide` may be the last code of the page that runs. */
const documentEvents = ["visibilitychange", "freeze", "resume"] as const
const windowEvents = ["pagehide", "pageshow", "online", "offline"] as const

/** How the page is now; `frozen` as the last event left it. */
export const pageState = (page: PageScope, frozen: boolean): PageState => ({
  visible: page.document.visibilityState === "visible",
  online: page.navigator.onLine,
  frozen
})

/**
 * Calls `changed` with the new state at every event, synchronously, until the returned function is called [TAB-8]. A freeze
 * calls `freezing` first: what the page does not do in that very call it does after the thaw.
 */
export const watchPage = (
  page: PageScope,
  changed: (state: PageState) => void,
  freezing: () => void = () => undefined
): (() => void) => {
  let frozen = false
  const listen = ({ type }: Event): void => {
    if (type === "freeze" || type === "pagehide") frozen = true
    if (type === "resume" || type === "pageshow") frozen = false
    if (type === "freeze") freezing()
    changed(pageState(page, frozen))
  }
  for (const type of documentEvents) page.document.addEventListener(type, listen)
  for (const type of windowEvents) page.addEventListener(type, listen)
  return () => {
    for (const type of documentEvents) page.document.removeEventListener(type, listen)
    for (const type of windowEvents) page.removeEventListener(type, listen)
  }
}
