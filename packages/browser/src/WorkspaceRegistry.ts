/**
 * The workspaces of this device, kept in a small database of their own. Rules: docs/spec/browser.md.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import { type WorkspaceEntry, WorkspaceRegistry } from "@tidemark/store-dexie"
import { Context, Effect, Layer, Scope } from "effect"

export type { WorkspaceEntry } from "@tidemark/store-dexie"

let opening: Promise<WorkspaceRegistry["Service"]> | undefined

/** Opened once and never closed: it lives as long as the page. One that could not be opened is tried again. */
const openRegistry = (): Promise<WorkspaceRegistry["Service"]> => {
  opening ??= Effect.runPromise(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      return Context.get(yield* Layer.buildWithScope(WorkspaceRegistry.layer, scope), WorkspaceRegistry)
    })
  ).catch((error: unknown) => {
    opening = undefined
    throw error
  })
  return opening
}

/**
 * Every workspace of this device, in the order they were created or joined. Inside `liveQuery` it is read again when any
 * tab changes the list. Rejects with `StoreFailed`.
 */
export const listWorkspaces = async (): Promise<ReadonlyArray<WorkspaceEntry>> => {
  const { list } = await openRegistry()
  return Effect.runPromise(list)
}

/**
 * Removes a workspace from this device for good, edits that were never sent included: ask the user first, and close its
 * handle. Other tabs that show it are told. Rejects with `StoreFailed`; the workspace is still listed then.
 */
export const forgetWorkspace = async (id: WorkspaceId): Promise<void> => {
  const { remove } = await openRegistry()
  await Effect.runPromise(remove(id))
}
