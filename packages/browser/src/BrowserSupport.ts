/**
 * Whether this browser, and the way this page was loaded, give Tidemark what it stands on; asked before anything starts.
 *
 * Rules: docs/spec/browser.md.
 */
import { InsecureContext } from "@tidemark/crypto"
import { Effect } from "effect"
import { BrowserUnsupported } from "./BrowserErrors.ts"

/** What is looked at. `globalThis` fits. */
export interface BrowserScope {
  readonly isSecureContext?: boolean
  readonly indexedDB?: unknown
  readonly Worker?: unknown
  readonly BroadcastChannel?: unknown
  readonly CompressionStream?: unknown
  readonly crypto?: { readonly subtle?: unknown }
  readonly navigator?: { readonly locks?: unknown }
}

/**
 * Succeeds where everything is there. Fails with `InsecureContext` for a page not loaded over https or from localhost
 * [TAB-3], and with `BrowserUnsupported`, naming everything that is missing, for a browser that is too old [TAB-4].
 */
export const checkBrowser = (scope: BrowserScope): Effect.Effect<void, InsecureContext | BrowserUnsupported> => {
  if (scope.isSecureContext === false) {
    return Effect.fail(
      new InsecureContext({
        message:
          "This page was not loaded over https or from localhost, so the browser keeps encryption and tab locks away. " +
          "Nothing was stored or sent. Open it over https."
      })
    )
  }
  const missing = [
    ...(scope.crypto?.subtle === undefined ? ["crypto.subtle"] : []),
    ...(scope.navigator?.locks === undefined ? ["navigator.locks"] : []),
    ...(scope.indexedDB === undefined || scope.indexedDB === null ? ["indexedDB"] : []),
    ...(scope.Worker === undefined ? ["Worker"] : []),
    ...(scope.BroadcastChannel === undefined ? ["BroadcastChannel"] : []),
    ...(scope.CompressionStream === undefined ? ["CompressionStream"] : [])
  ]
  if (missing.length === 0) return Effect.void
  return Effect.fail(
    new BrowserUnsupported({
      missing,
      message: `This browser lacks ${missing.join(", ")}. Nothing was stored or sent. Update the browser, or leave private mode.`
    })
  )
}
