/**
 * The BroadcastChannel between the tabs of one workspace, typed. Rules: docs/spec/browser.md.
 */
import { Effect, Option, PubSub, Schema, type Scope, Stream } from "effect"
import { TabMessage, tabChannelName } from "./TabMessage.ts"

/** One tab's end. */
export interface TabChannel {
  /** Tells the other tabs. Never fails: a message nobody hears is a message lost. */
  readonly send: (message: TabMessage) => Effect.Effect<void>
  /** What other tabs tell, from the moment of subscribing; what does not decode is left out [TAB-9]. */
  readonly messages: Stream.Stream<TabMessage>
}

const Wire = Schema.toCodecJson(TabMessage)
const decode = Schema.decodeUnknownOption(Wire)
const encode = Schema.encodeSync(Wire)

/** Opens the channel of a workspace; it closes with the scope. */
export const openTabChannel = (workspace: string): Effect.Effect<TabChannel, never, Scope.Scope> =>
  Effect.gen(function* () {
    const heard = yield* PubSub.unbounded<TabMessage>()
    const channel = yield* Effect.acquireRelease(
      Effect.sync(() => new BroadcastChannel(tabChannelName(workspace))),
      (open) => Effect.sync(() => open.close())
    )
    channel.addEventListener("message", (event: MessageEvent<unknown>) => {
      const message = decode(event.data)
      if (Option.isSome(message)) PubSub.publishUnsafe(heard, message.value)
    })
    return {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target, it is same-origin
      send: (message) => Effect.sync(() => channel.postMessage(encode(message))),
      messages: Stream.fromPubSub(heard)
    }
  })
