/**
 * The rare parts of a replica as files of their own [REPLICA-29]: a worker starts without them, and has all of them soon after.
 *
 * The app's service worker keeps all its files, so they are there without a network, too. Another version of the app takes them away;
 * a worker that has loaded them does not notice. One that has not is told to reload.
 */
import { Effect, Layer, Schedule } from "effect"
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

/** How long a worker has its start to itself. */
const aheadAfter = "5 seconds"

/** Loads what nobody has asked for yet; a load that fails is tried again after 5, 10, 20 … at most 60 seconds. */
export const loadAhead = (parts: ReadonlyArray<Part<unknown>>): Effect.Effect<void> =>
  Effect.forEach(parts, (part) => Effect.retry(part, between), { discard: true }).pipe(
    Effect.delay(aheadAfter),
    Effect.orDie
  )

const between = Schedule.min([Schedule.exponential(aheadAfter), Schedule.spaced("60 seconds")])

export const layerPartChunks = Layer.effect(
  RareParts,
  Effect.gen(function* () {
    const parts = {
      newWorkspace: chunk(() => import("./NewWorkspace.ts")),
      membersLost: chunk(() => import("./MembersLost.ts")),
      sharing: chunk(() => import("./Sharing.ts")),
      selfRepair: chunk(() => import("./SelfRepair.ts")),
      mendDoc: chunk(() => import("./MendDoc.ts")),
      successor: chunk(() => import("./Successor.ts")),
      // The last one: a test waits for it.
      logSurvey: chunk(() => import("./LogSurvey.ts"))
    }
    yield* Effect.forkScoped(loadAhead(Object.values(parts)))
    return parts
  })
)
