/** The rare parts of a replica, and of its engine, as they are: for everything but a browser. */
import { Effect, Layer } from "effect"
import { layerWorksAtHand } from "@tidemark/sync"
import * as logSurvey from "./LogSurvey.ts"
import * as membersLost from "./MembersLost.ts"
import * as mendDoc from "./MendDoc.ts"
import * as newWorkspace from "./NewWorkspace.ts"
import { RareParts } from "./RareParts.ts"
import * as receipts from "./Receipts.ts"
import * as selfRepair from "./SelfRepair.ts"
import * as sharing from "./Sharing.ts"
import * as successor from "./Successor.ts"

export const layerPartsAtHand = Layer.succeed(RareParts, {
  newWorkspace: Effect.succeed(newWorkspace),
  membersLost: Effect.succeed(membersLost),
  receipts: Effect.succeed(receipts),
  sharing: Effect.succeed(sharing),
  selfRepair: Effect.succeed(selfRepair),
  mendDoc: Effect.succeed(mendDoc),
  successor: Effect.succeed(successor),
  logSurvey: Effect.succeed(logSurvey)
}).pipe(Layer.merge(layerWorksAtHand))
