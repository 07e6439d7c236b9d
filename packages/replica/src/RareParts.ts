/**
 * The parts of a replica that an ordinary session never needs: how a device comes to a workspace and lets others in, what tells
 * where an edit is, what heals damage, what fills a server that has forgotten, and how a copied device becomes one of its own.
 *
 * A browser loads each when it is first asked for (`PartChunks.ts`), so that a worker starts with less; elsewhere all are at hand
 * (`PartsAtHand.ts`). Rules: docs/spec/replica.md.
 */
import { Context } from "effect"
import type { Part } from "@tidemark/sync"
import type * as LogSurvey from "./LogSurvey.ts"
import type * as MembersLost from "./MembersLost.ts"
import type * as MendDoc from "./MendDoc.ts"
import type * as NewWorkspace from "./NewWorkspace.ts"
import type * as Receipts from "./Receipts.ts"
import type * as SelfRepair from "./SelfRepair.ts"
import type * as Sharing from "./Sharing.ts"
import type * as Successor from "./Successor.ts"

export class RareParts extends Context.Service<
  RareParts,
  {
    readonly newWorkspace: Part<typeof NewWorkspace>
    readonly membersLost: Part<typeof MembersLost>
    readonly receipts: Part<typeof Receipts>
    readonly sharing: Part<typeof Sharing>
    readonly selfRepair: Part<typeof SelfRepair>
    readonly mendDoc: Part<typeof MendDoc>
    readonly logSurvey: Part<typeof LogSurvey>
    readonly successor: Part<typeof Successor>
  }
>()("@tidemark/replica/RareParts") {}
