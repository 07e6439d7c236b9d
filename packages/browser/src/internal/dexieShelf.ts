/**
 * Where workspaces are kept in a browser: their databases, and the list of them.
 */
import type { Workspace } from "@tidemark/model"
import { LocalStoreDexie, WorkspaceRegistry } from "@tidemark/store-dexie"
import type { StoreFailed } from "@tidemark/sync"
import { Clock, Effect } from "effect"
import type { WorkspaceShelf } from "../WorkerCalls.ts"
import { tablesOf } from "./tablesOf.ts"

/** The shelf of the worker's own origin. */
export const dexieShelf = (schema: Workspace): WorkspaceShelf => ({
  store: (workspace) => LocalStoreDexie.layer({ workspace, tables: tablesOf(schema) }),
  has: (workspace) => withRegistry((registry) => Effect.map(registry.get(workspace), (entry) => entry !== undefined)),
  register: ({ name, origin, role, workspace }) =>
    withRegistry((registry) =>
      Effect.flatMap(Clock.currentTimeMillis, (createdAt) =>
        registry.put({ id: workspace, label: name, origin, role, createdAt })
      )
    )
})

/** The list is looked at twice in a worker's life, so it is opened and closed each time. */
const withRegistry = <A>(use: (registry: WorkspaceRegistry["Service"]) => Effect.Effect<A, StoreFailed>) =>
  Effect.flatMap(WorkspaceRegistry, use).pipe(Effect.provide(WorkspaceRegistry.layer))
