/** The rare pieces of work as they are: for everything but a browser. */
import { Effect, Layer } from "effect"
import * as amnesia from "./Amnesia.ts"
import * as checkpointWork from "./CheckpointWork.ts"
import * as copyWork from "./CopyWork.ts"
import * as history from "./History.ts"
import { RareWorks } from "./RareWorks.ts"
import * as refill from "./Refill.ts"

export const layerWorksAtHand = Layer.succeed(RareWorks, {
  amnesia: Effect.succeed(amnesia),
  checkpointWork: Effect.succeed(checkpointWork),
  copyWork: Effect.succeed(copyWork),
  history: Effect.succeed(history),
  refill: Effect.succeed(refill)
})
