/**
 * What can happen to the engine, and what it can be told to do about it: the words of the state machine.
 *
 * Rules: docs/spec/sync-state.md.
 */
import type { Seq } from "@tidemark/protocol"
import type { Refused, UnreachableReason } from "./SyncErrors.ts"

/** Why a piece of work failed, by what comes next. `message` is a sentence for the user. */
export type Failure =
  /** Wait and try again. `reason`: the server answers, and says or shows why it cannot serve now. */
  | {
      readonly kind: "unreachable"
      readonly message: string
      readonly retryAfterMillis?: number
      readonly reason?: UnreachableReason
    }
  /** The local store failed: wait and try again, and say so. */
  | { readonly kind: "store"; readonly message: string }
  /** Trying again soon will not help. `log`: the server's log is not the one this device knows. */
  | { readonly kind: "refused"; readonly cause: RefusedCause; readonly message: string }

/** Why the server said no, or why we do: `roster` for one we cannot follow, `log` for a log that is not ours. */
export type RefusedCause = (typeof Refused.Type)["reason"] | "log"

/** Refusals that stop the push alone: everything else goes on. */
export const pushOnlyCauses: ReadonlySet<RefusedCause> = new Set(["role", "quotaFull", "tooLarge", "malformed"])

/** How far this device has stored the log, and how far the log reached when the server last said so. */
export interface Place {
  readonly through: Seq
  readonly head: Seq
}

export type SyncEvent =
  /** The engine of this tab begins. */
  | { readonly _tag: "Started" }
  /** The server answered hello, and its log can be ours. `wentBack`: to an older place, because the server lost some of it. */
  | ({ readonly _tag: "HeadKnown"; readonly wentBack: boolean } & Place)
  /** Entries of the log were stored; from a page pulled or from the socket. `settled`: own items that it bore out. */
  | ({ readonly _tag: "PageStored"; readonly settled: number } & Place)
  /** A pull reached the head the server named last. */
  | ({ readonly _tag: "CaughtUp" } & Place)
  /** Hello, a pull or the socket failed in a way that ends the connection. */
  | { readonly _tag: "LinkFailed"; readonly failure: Failure }
  /** The socket welcomed us. */
  | ({ readonly _tag: "LiveOpened" } & Place)
  /** The socket named entries it did not bring, or brought some that do not follow ours. */
  | { readonly _tag: "LiveGap"; readonly head: Seq }
  /** The socket closed, or could not be opened. */
  | { readonly _tag: "LiveClosed" }
  /**
   * `waiting`: own updates and items without a receipt, refused ones not counted. `promised`: there are items whose receipts
   * name places that this device has not stored yet.
   */
  | { readonly _tag: "OutboxChanged"; readonly waiting: number; readonly promised: boolean }
  /** A push was answered with `settled` receipts; the chain of the log bears out `proven` of them already. */
  | ({ readonly _tag: "Pushed"; readonly settled: number; readonly proven: number } & Place)
  /** The push found nothing more to send. */
  | { readonly _tag: "PushDrained" }
  | { readonly _tag: "PushFailed"; readonly failure: Failure }
  | { readonly _tag: "RetryDue" }
  | { readonly _tag: "PushRetryDue" }
  /** Nothing moved for `stalledMillis`; only the status changes. */
  | { readonly _tag: "StallDue" }
  | { readonly _tag: "NetworkChanged"; readonly online: boolean }
  /** The user asked to sync at once. */
  | { readonly _tag: "SyncAsked" }
  /** The engine of this tab ends, for whatever reason. */
  | { readonly _tag: "Stopped" }

export type SyncEventTag = SyncEvent["_tag"]

/** When an event happened, monotonic milliseconds, and a random number in [0, 1): the machine has neither clock nor dice. */
export interface Moment {
  readonly at: number
  readonly random: number
}

export type SyncCommand =
  /** Say hello: compare the log with ours. */
  | { readonly _tag: "Connect" }
  /** Pull until the head. */
  | { readonly _tag: "Pull" }
  | { readonly _tag: "OpenLive" }
  /** End hello, pull and socket. */
  | { readonly _tag: "HangUp" }
  /** Send until the outbox is empty. */
  | { readonly _tag: "Push" }
  | { readonly _tag: "StopPush" }
  /** Replaces the timer of that lane. */
  | { readonly _tag: "SetTimer"; readonly lane: Lane; readonly millis: number }
  | { readonly _tag: "ClearTimer"; readonly lane: Lane }

/** The two things that wait on their own: the connection, and the outbox. */
export type Lane = "link" | "push"
