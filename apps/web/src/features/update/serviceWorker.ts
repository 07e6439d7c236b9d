/**
 * Keeps the app on the device and says when a newer version is ready. It never reloads the page by itself.
 *
 * The service worker precaches every file of the built app. A newer one waits until a person takes it in some tab; tabs
 * that did not ask are told, and go on with what they have loaded.
 */

/** `waiting`: a newer version is there. `elsewhere`: another tab took it, and this one still runs the one before. */
export type AppVersion = "current" | "waiting" | "elsewhere"

/** How often a long-lived tab asks for a newer version, in milliseconds. */
const askMillis = 60 * 60_000

let version: AppVersion = "current"
let waiting: ServiceWorker | undefined
let isTakenHere = false
const listeners = new Set<() => void>()

export const appVersion = (): AppVersion => version

/** For `useSyncExternalStore`. */
export const subscribeToAppVersion = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** Takes the newer version: this tab reloads as soon as it is in charge. */
export const takeNewVersion = (): void => {
  isTakenHere = true
  if (version === "elsewhere" || waiting === undefined) globalThis.location.reload()
  // The message the generated service worker listens for.
  else waiting.postMessage({ type: "SKIP_WAITING" }, [])
}

/** Registers the service worker of a built app; does nothing under Vite's dev server. */
export const keepAppReady = (): void => {
  const { serviceWorker } = globalThis.navigator
  if (!import.meta.env.PROD || serviceWorker === undefined) return
  const hadController = serviceWorker.controller !== null
  serviceWorker.addEventListener("controllerchange", () => {
    if (isTakenHere) globalThis.location.reload()
    else if (hadController) setVersion("elsewhere")
  })
  // A failed registration costs the offline start, nothing else; the browser reports it.
  serviceWorker.register("/sw.js", { updateViaCache: "none" }).then(watchRegistration, globalThis.reportError)
}

const watchRegistration = (registration: ServiceWorkerRegistration): void => {
  const look = (): void => {
    // The very first one has nobody to replace.
    if (registration.waiting === null || globalThis.navigator.serviceWorker.controller === null) return
    waiting = registration.waiting
    setVersion("waiting")
  }
  look()
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look))
  globalThis.setInterval(() => {
    // Offline it fails, and is asked again later.
    registration.update().catch(() => undefined)
  }, askMillis)
}

const setVersion = (next: AppVersion): void => {
  if (version === "elsewhere") return
  version = next
  for (const listener of listeners) listener()
}
