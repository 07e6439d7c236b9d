/** The rare parts of a replica, and of its engine, as files of their own: a worker starts without them, and has all of them soon after [REPLICA-29]. */
import { Context, Effect, Layer } from "effect"
import { chunk, loadAhead, RareWorks, workChunks } from "@tidemark/sync"
import { RareParts } from "./RareParts.ts"

const partChunks = (): RareParts["Service"] => ({
  newWorkspace: chunk(() => import("./NewWorkspace.ts")),
  membersLost: chunk(() => import("./MembersLost.ts")),
  receipts: chunk(() => import("./Receipts.ts")),
  sharing: chunk(() => import("./Sharing.ts")),
  selfRepair: chunk(() => import("./SelfRepair.ts")),
  mendDoc: chunk(() => import("./MendDoc.ts")),
  successor: chunk(() => import("./Successor.ts")),
  // The last one: a test waits for it.
  logSurvey: chunk(() => import("./LogSurvey.ts"))
})

export const layerPartChunks = Layer.effectContext(
  Effect.gen(function* () {
    const [works, parts] = [workChunks(), partChunks()]
    yield* Effect.forkScoped(loadAhead(Object.values({ ...works, ...parts })))
    return Context.make(RareWorks, works).pipe(Context.add(RareParts, parts))
  })
)
