/**
 * The pieces of the engine's work that an ordinary session never does: agreeing with a server that forgot and filling it again, mending
 * docs with holes, making and judging checkpoints, becoming another device where this one was copied.
 *
 * A browser has each as a file of its own, elsewhere all are at hand (`WorksAtHand.ts`). Rules: docs/spec/replica.md.
 */
import { Context, Effect } from "effect"
import type * as Amnesia from "./Amnesia.ts"
import type * as CheckpointWork from "./CheckpointWork.ts"
import type * as CopyWork from "./CopyWork.ts"
import type { Docs } from "./Docs.ts"
import type * as History from "./History.ts"
import type { LocalStore, StoreFailed } from "./LocalStore.ts"
import { chunk, onDemand, type Part } from "./Part.ts"
import type * as Refill from "./Refill.ts"
import type { Remote } from "./Remote.ts"
import type { Sealer } from "./Sealer.ts"

export class RareWorks extends Context.Service<
  RareWorks,
  {
    readonly amnesia: Part<typeof Amnesia>
    readonly checkpointWork: Part<typeof CheckpointWork>
    readonly copyWork: Part<typeof CopyWork>
    readonly history: Part<typeof History>
    readonly refill: Part<typeof Refill>
  }
>()("@tidemark/sync/RareWorks") {}

/** Each as a file of its own [REPLICA-29]. */
export const workChunks = (): RareWorks["Service"] => ({
  amnesia: chunk(() => import("./Amnesia.ts")),
  checkpointWork: chunk(() => import("./CheckpointWork.ts")),
  copyWork: chunk(() => import("./CopyWork.ts")),
  history: chunk(() => import("./History.ts")),
  refill: chunk(() => import("./Refill.ts"))
})

type Ports = LocalStore | Docs | Remote | Sealer

/** A piece of work, made of its module when it is first needed. */
export const whenNeeded = <Module, A>(
  part: Part<Module>,
  make: (module: Module) => Effect.Effect<A, never, Ports>
): Effect.Effect<Effect.Effect<A, StoreFailed>, never, Ports> =>
  Effect.flatMap(Effect.context<Ports>(), (ports) => onDemand(Effect.provideContext(Effect.flatMap(part, make), ports)))
