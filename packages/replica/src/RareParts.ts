/**
 * The parts of a replica that an ordinary session never needs: how a device comes to a workspace and lets others in, what
 * heals damage, what fills a server that has forgotten, and how a copied device becomes one of its own.
 *
 * A browser loads each when it is first asked for (`PartChunks.ts`), so that a worker starts with less; elsewhere all are at hand
 * (`PartsAtHand.ts`). Rules: docs/spec/replica.md.
 */
import { Context, Effect, Semaphore } from "effect"
import type { StoreFailed } from "@tidemark/sync"
import type * as LogSurvey from "./LogSurvey.ts"
import type * as MembersLost from "./MembersLost.ts"
import type * as MendDoc from "./MendDoc.ts"
import type * as NewWorkspace from "./NewWorkspace.ts"
import type * as SelfRepair from "./SelfRepair.ts"
import type * as Sharing from "./Sharing.ts"
import type * as Successor from "./Successor.ts"

/** A module, loaded where it is not there yet. Fails with `versionChanged` where it cannot be had; nothing was done then. */
export type Part<Module> = Effect.Effect<Module, StoreFailed>

export class RareParts extends Context.Service<
  RareParts,
  {
    readonly newWorkspace: Part<typeof NewWorkspace>
    readonly membersLost: Part<typeof MembersLost>
    readonly sharing: Part<typeof Sharing>
    readonly selfRepair: Part<typeof SelfRepair>
    readonly mendDoc: Part<typeof MendDoc>
    readonly logSurvey: Part<typeof LogSurvey>
    readonly successor: Part<typeof Successor>
  }
>()("@tidemark/replica/RareParts") {}

/** What is made once, by the first who asks for it; where that fails, the next who asks tries again. */
export const onDemand = Effect.fnUntraced(function* <A, E, R>(make: Effect.Effect<A, E, R>) {
  const lock = yield* Semaphore.make(1)
  let made: { readonly value: A } | undefined
  return Effect.suspend(() =>
    made === undefined
      ? Effect.tap(make, (value) => Effect.sync(() => void (made = { value })))
      : Effect.succeed(made.value)
  ).pipe(lock.withPermits(1))
})
