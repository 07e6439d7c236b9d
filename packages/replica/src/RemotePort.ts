/**
 * The engine's `Remote` on a session: the routes as calls under this device's token, with their errors in three kinds.
 *
 * Rules: docs/spec/replica.md.
 */
import { Effect, Layer, Stream } from "effect"
import type { Primitives } from "@tidemark/crypto"
import { type LocalStore, onDemand, Remote, type RemoteError } from "@tidemark/sync"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { makeCursorCalls } from "./CursorCalls.ts"
import type { Membership } from "./Membership.ts"
import { RareParts } from "./RareParts.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"
import { makeRosterNews } from "./RosterNews.ts"

export const layerRemote: Layer.Layer<
  Remote,
  never,
  RemoteSession | Membership | ServerApi | LocalStore | Primitives | RareParts
> = Layer.effect(
  Remote,
  Effect.gen(function* () {
    const session = yield* RemoteSession
    const api = yield* ServerApi

    const call = <A>(run: (session: Session) => Effect.Effect<A, ServerError>): Effect.Effect<A, RemoteError> =>
      Effect.mapError(session.use(run), remoteErrorOf)

    const news = yield* makeRosterNews((after) => call((one) => api.roster(one, after)))

    const parts = yield* RareParts
    const context = yield* Effect.context<RemoteSession | Membership | ServerApi | LocalStore | Primitives>()
    const becomeNew = yield* onDemand(
      Effect.flatMap(parts.successor, ({ makeBecomeNew }) =>
        Effect.provideContext(makeBecomeNew(news.refresh), context)
      )
    )

    return Remote.of({
      becomeNew: Effect.flatten(Effect.mapError(becomeNew, remoteErrorOf)),
      head: news.settle(call(api.head)),
      push: (entries) => call((one) => api.push(one, entries)),
      pull: (after, bytesMax) => call((one) => api.pull(one, after, bytesMax)),
      doc: (from, bytesMax) => call((one) => api.doc(one, from, bytesMax)),
      checkpoints: {
        tail: (doc) => call((one) => api.tail(one, doc)),
        open: call(api.checkpoints),
        name: (naming) =>
          Effect.map(
            call((one) => api.nameCheckpoint(one, naming)),
            ({ named }) => named
          ),
        judge: (verdict) => Effect.asVoid(call((one) => api.judgeCheckpoint(one, verdict)))
      },
      ...(yield* makeCursorCalls),
      refill: (done) => call((one) => api.refill(one, done)),
      live: Stream.mapError(session.stream(api.live), remoteErrorOf),
      refreshRoster: news.refresh
    })
  })
)
