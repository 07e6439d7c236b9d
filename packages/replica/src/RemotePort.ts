/**
 * The engine's `Remote` on a session: the routes as calls under this device's token, with their errors in three kinds.
 *
 * Rules: docs/spec/replica.md.
 */
import { Effect, Layer, Stream } from "effect"
import { statementCountMax } from "@tidemark/protocol"
import type { Primitives } from "@tidemark/crypto"
import { type LocalStore, Refused, Remote, type RemoteError, type StoreFailed, Unreachable } from "@tidemark/sync"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { makeCursorCalls } from "./CursorCalls.ts"
import { Membership } from "./Membership.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"
import { makeBecomeNew } from "./Successor.ts"

export const layerRemote: Layer.Layer<Remote, never, RemoteSession | Membership | ServerApi | LocalStore | Primitives> =
  Layer.effect(
    Remote,
    Effect.gen(function* () {
      const session = yield* RemoteSession
      const membership = yield* Membership
      const api = yield* ServerApi

      const call = <A>(run: (session: Session) => Effect.Effect<A, ServerError>): Effect.Effect<A, RemoteError> =>
        Effect.mapError(session.use(run), remoteErrorOf)

      const refreshRoster = Effect.fn("Remote.refreshRoster")(function* () {
        for (;;) {
          const number = yield* Effect.mapError(membership.number, storeUnusable)
          const page = yield* call((one) => api.roster(one, number))
          if (page.statements.length === 0) return number
          if (page.after !== number) return yield* otherRosterPage()
          if (number + page.statements.length > statementCountMax) return yield* rosterRefused("it is too long")
          const state = yield* membership.append(page.after, page.statements).pipe(
            Effect.catchTag("StoreFailed", (failure) => Effect.fail(storeUnusable(failure))),
            Effect.catchTag(["Malformed", "StatementRefused"], ({ message }) => Effect.fail(rosterRefused(message)))
          )
          if (state.number === number) return number
        }
      })

      /** A server with fewer statements than we have was restored from an older copy: it gets the rest first. */
      const head = Effect.fn("Remote.head")(function* () {
        const log = yield* call(api.head)
        const number = yield* Effect.mapError(membership.number, storeUnusable)
        if (log.roster >= number) return log
        yield* Effect.mapError(session.handRoster, remoteErrorOf)
        return yield* call(api.head)
      })

      return Remote.of({
        becomeNew: yield* makeBecomeNew(refreshRoster()),
        head: head(),
        push: (entries) => call((one) => api.push(one, entries)),
        pull: (after, bytesMax) => call((one) => api.pull(one, after, bytesMax)),
        doc: (from, bytesMax) => call((one) => api.doc(one, from, bytesMax)),
        ...(yield* makeCursorCalls),
        refill: (done) => call((one) => api.refill(one, done)),
        live: Stream.mapError(session.stream(api.live), remoteErrorOf),
        refreshRoster: refreshRoster()
      })
    })
  )

/** The engine meets the store's failure itself at its next step; until then, waiting is right. */
const storeUnusable = (failure: StoreFailed) => new Unreachable({ message: failure.message })

const otherRosterPage = () =>
  new Unreachable({
    message: "The server answered with another part of the list of members than was asked for. Trying again."
  })

const rosterRefused = (message: string) =>
  new Refused({
    reason: "roster",
    message: `The server sent a list of members that does not check out (${message}). It was not taken over; your edits are safe on this device.`
  })
