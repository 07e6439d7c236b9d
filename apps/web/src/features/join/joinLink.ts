/**
 * The link this tab was opened with. Imported first of all: its secret leaves the address bar and the history before
 * anything is rendered or asked for, and lives in memory only, so a reload forgets it.
 */

let link: string | undefined
const listeners = new Set<() => void>()

/** Takes what stands after `#` on the join page. */
const takeFromAddress = (): void => {
  const { hash, origin, pathname } = globalThis.location
  if (!/^\/join\/?$/.test(pathname) || hash.length < 2) return
  globalThis.history.replaceState(globalThis.history.state, "", pathname)
  setJoinLink(`${origin}/join${hash}`)
}

/** The link, whole; undefined when there is none. */
export const joinLink = (): string | undefined => link

/** A link that was pasted, or `undefined` once it has served. */
export const setJoinLink = (next: string | undefined): void => {
  link = next
  for (const listener of listeners) listener()
}

/** For `useSyncExternalStore`. */
export const subscribeToJoinLink = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

takeFromAddress()
// A link opened in a tab that shows the join page already; our listener is there before the router's.
globalThis.addEventListener("popstate", takeFromAddress)
globalThis.addEventListener("hashchange", takeFromAddress)
