/**
 * What the tabs of one workspace tell each other over the BroadcastChannel `tidemark-<workspace>`.
 *
 * The sender does not hear its own messages. Messages may be lost (a frozen tab) and come late (a thawed one): they are
 * hints, nothing durable follows from them [TAB-9]. An older or newer tab's unknown message is ignored.
 * Rules: docs/spec/browser.md.
 */
import { SyncStatus } from "@tidemark/sync"
import { Schema } from "effect"

export const TabMessage = Schema.Union([
  /** Is anyone syncing? The leader answers with `Leading`. */
  Schema.TaggedStruct("Ping", {}),
  /** This tab syncs, and this is its status: after each change, and in answer to a ping. */
  Schema.TaggedStruct("Leading", { status: SyncStatus }),
  /** This tab steals the lock now: nobody else needs to. */
  Schema.TaggedStruct("TakingOver", {}),
  /** The user of a waiting tab asked to sync now. */
  Schema.TaggedStruct("SyncNow", {})
])
export type TabMessage = typeof TabMessage.Type

/** The channel's name. */
export const tabChannelName = (workspace: string): string => `tidemark-${workspace}`

/** The name of the lock that the syncing tab's worker holds. */
export const syncLockName = (workspace: string): string => `tidemark-sync-${workspace}`
