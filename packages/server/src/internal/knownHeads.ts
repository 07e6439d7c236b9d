/**
 * Where one process left the heads of the logs it appended to. A guess: another process may have been there since, so it is
 * good only for a statement that says "if they still stand there". Bounded; what was left longest ago goes first.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import type { HeadRow } from "./appendDecision.ts"

/** Heads kept, a few hundred bytes each. */
const headCountMax = 10_000

export interface KnownHeads {
  /** The heads of all of these, or `undefined` where one is not known. They are given away: nothing is known of them any more. */
  readonly take: (workspaces: ReadonlyArray<WorkspaceId>) => ReadonlyMap<WorkspaceId, HeadRow> | undefined
  /** What a commit has left. */
  readonly left: (workspace: WorkspaceId, head: HeadRow) => void
}

export const makeKnownHeads = (): KnownHeads => {
  const heads = new Map<WorkspaceId, HeadRow>()
  return {
    take: (workspaces) => {
      const taken = new Map<WorkspaceId, HeadRow>()
      for (const workspace of workspaces) {
        const head = heads.get(workspace)
        if (head !== undefined) taken.set(workspace, head)
        heads.delete(workspace)
      }
      return taken.size === workspaces.length ? taken : undefined
    },
    left: (workspace, head) => {
      heads.set(workspace, head)
      const oldest = heads.size > headCountMax ? heads.keys().next().value : undefined
      if (oldest !== undefined) heads.delete(oldest)
    }
  }
}
