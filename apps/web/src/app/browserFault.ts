/**
 * Why Tidemark cannot run in this browser at this address, as a sentence; undefined where it can. Asked once, at the start.
 */
import { checkBrowser } from "@tidemark/browser"
import { Effect } from "effect"

export const browserFault: string | undefined = Effect.runSync(
  checkBrowser(globalThis).pipe(
    Effect.match({ onFailure: ({ message }): string | undefined => message, onSuccess: () => undefined })
  )
)
