/**
 * The rare parts of a replica as files of their own, each loaded when it is first asked for [REPLICA-29].
 *
 * The app's service worker keeps all its files, so they are there without a network, too. They are missing where another version of the
 * app has taken its place meanwhile: a reload brings that one.
 */
import { Effect, Layer } from "effect"
import { StoreFailed } from "@tidemark/sync"
import { type Part, RareParts } from "./RareParts.ts"

/** A module that is loaded once; a load that failed is tried again by the next who asks. */
export const chunk = <Module>(load: () => Promise<Module>): Part<Module> => {
  let loaded: Module | undefined
  return Effect.suspend(() =>
    loaded === undefined
      ? Effect.tryPromise({ try: async () => (loaded = await load()), catch: notLoaded })
      : Effect.succeed(loaded)
  )
}

const notLoaded = (cause: unknown) =>
  new StoreFailed({
    reason: "versionChanged",
    message:
      "A part of the app could not be loaded: it was updated meanwhile, or the network is away. Nothing was changed, and your edits are safe on this device. Reload the page and try again.",
    cause
  })

export const layerPartChunks = Layer.sync(RareParts, () => ({
  newWorkspace: chunk(() => import("./NewWorkspace.ts")),
  membersLost: chunk(() => import("./MembersLost.ts")),
  sharing: chunk(() => import("./Sharing.ts")),
  selfRepair: chunk(() => import("./SelfRepair.ts")),
  mendDoc: chunk(() => import("./MendDoc.ts")),
  logSurvey: chunk(() => import("./LogSurvey.ts"))
}))
