/**
 * The engine's `Remote` on the server's routes: gets and renews tokens, founds the workspace where the server has none,
 * pulls the roster, and says in three kinds what went wrong.
 *
 * A token is renewed against the device's signature, so an expired one, or a server with another secret, costs one more
 * request and nothing else [TOKEN-3]. Rules: docs/spec/replica.md.
 */
import { Clock, Context, Effect, Layer, Semaphore, Stream } from "effect"
import { RosterNumber, statementCountMax, type TokenAnswer } from "@tidemark/protocol"
import { makeProof, Primitives, statementText } from "@tidemark/crypto"
import { Refused, Remote, type RemoteError, type StoreFailed, Unreachable } from "@tidemark/sync"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { Membership } from "./Membership.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"

/** A token is replaced when it would end within this time, in milliseconds. */
const renewBeforeMillis = 30_000

/** Runs calls to the server under a valid token of this device. */
export class RemoteSession extends Context.Service<
  RemoteSession,
  {
    /** Gives a session to `call`; where the server no longer accepts the token, renews it and calls once more. */
    readonly use: <A>(
      call: (session: Session) => Effect.Effect<A, ServerError>
    ) => Effect.Effect<A, ServerError | StoreFailed>
    /** Gives the server the statements it lacks [AMNESIA-2]. */
    readonly handRoster: Effect.Effect<void, ServerError | StoreFailed>
    /** The same for a stream, which is not begun again by itself. */
    readonly stream: <A>(
      call: (session: Session) => Stream.Stream<A, ServerError>
    ) => Stream.Stream<A, ServerError | StoreFailed>
  }
>()("@tidemark/replica/RemoteSession") {
  static readonly layer: Layer.Layer<RemoteSession, never, Membership | ServerApi | Primitives> = Layer.effect(
    RemoteSession,
    Effect.suspend(() => makeSession())
  )
}

const makeSession = Effect.fnUntraced(function* () {
  const membership = yield* Membership
  const api = yield* ServerApi
  const primitives = yield* Primitives
  const semaphore = yield* Semaphore.make(1)
  const { device, secret, workspace } = membership.identity
  let held: { readonly token: string; readonly until: number } | undefined

  const prove = Effect.fnUntraced(function* (action: "renew" | "found") {
    const challenge = yield* api.challenge
    return yield* makeProof({ secret, action, workspace, challenge }).pipe(
      Effect.provideService(Primitives, primitives)
    )
  })

  const renew = Effect.gen(function* () {
    const proof = yield* prove("renew")
    return yield* api.renew({ workspace, device, proof })
  })

  /**
   * Hands the roster to a server that lost the workspace, or holds an older roster of it: any device of ours may
   * [AMNESIA-1]. Where we are not in it ourselves, the server's word stands.
   */
  const found = Effect.gen(function* () {
    const statements = yield* membership.statements
    const proof = yield* prove("found")
    return yield* api.found({ statements: statements.map(statementText), device, proof })
  })

  const isMember = Effect.map(membership.roster, ({ devices }) => {
    const member = devices.get(device)
    return member !== undefined && member.revokedAt === undefined
  })

  /** Whether the server does not know what our roster tells: no such workspace, or no such device. */
  const isForgotten = (error: ServerError | StoreFailed): boolean =>
    error._tag === "WorkspaceUnknown" || (error._tag === "Unauthorized" && error.reason === "unknown")

  const keep = Effect.fnUntraced(function* (answer: TokenAnswer) {
    const now = yield* Clock.currentTimeMillis
    held = { token: answer.token, until: now + answer.expiresInMillis - renewBeforeMillis }
    return answer.token
  })

  const token = semaphore.withPermits(1)(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      if (held !== undefined && now < held.until) return held.token
      const answer = yield* renew.pipe(
        Effect.catchIf(isForgotten, (error) =>
          Effect.flatMap(isMember, (isOurs) => (isOurs ? found : Effect.fail(error)))
        )
      )
      return yield* keep(answer)
    })
  )

  /** Whether a new token may help. */
  const isStale = (error: ServerError | StoreFailed): boolean =>
    (error._tag === "Unauthorized" && ["missing", "expired", "forged", "unknown"].includes(error.reason)) ||
    error._tag === "WorkspaceUnknown"

  const forget = (used: string) =>
    Effect.sync(() => {
      if (held?.token === used) held = undefined
    })

  return RemoteSession.of({
    handRoster: semaphore.withPermits(1)(Effect.asVoid(Effect.flatMap(found, keep))),
    use: Effect.fnUntraced(function* (call) {
      const first = yield* token
      return yield* call({ workspace, token: first }).pipe(
        Effect.catchIf(isStale, () =>
          forget(first).pipe(
            Effect.andThen(token),
            Effect.flatMap((second) => call({ workspace, token: second }))
          )
        )
      )
    }),
    stream: (call) =>
      Stream.unwrap(
        Effect.map(token, (current) =>
          call({ workspace, token: current }).pipe(
            Stream.tapError((error) => (isStale(error) ? forget(current) : Effect.void))
          )
        )
      )
  })
})

/** The engine's port. */
export const layerRemote: Layer.Layer<Remote, never, RemoteSession | Membership | ServerApi> = Layer.effect(
  Remote,
  Effect.gen(function* () {
    const session = yield* RemoteSession
    const membership = yield* Membership
    const api = yield* ServerApi

    const call = <A>(run: (session: Session) => Effect.Effect<A, ServerError>): Effect.Effect<A, RemoteError> =>
      Effect.mapError(session.use(run), remoteErrorOf)

    const refreshRoster = Effect.fn("Remote.refreshRoster")(function* () {
      for (;;) {
        const { number } = yield* Effect.mapError(membership.roster, storeUnusable)
        const page = yield* call((one) => api.roster(one, number))
        if (page.statements.length === 0) return number
        if (page.after !== number) return yield* otherRosterPage()
        if (number + page.statements.length > statementCountMax) return yield* rosterRefused("it is too long")
        const state = yield* membership.append(page.after, page.statements).pipe(
          Effect.catchTag("StoreFailed", (failure) => Effect.fail(storeUnusable(failure))),
          Effect.catchTag(["Malformed", "StatementRefused"], ({ message }) => Effect.fail(rosterRefused(message)))
        )
        if (state.number === number) return RosterNumber.make(number)
      }
    })

    /** A server with fewer statements than we have was restored from an older copy: it gets the rest first. */
    const head = Effect.fn("Remote.head")(function* () {
      const log = yield* call(api.head)
      const { number } = yield* Effect.mapError(membership.roster, storeUnusable)
      if (log.roster >= number) return log
      yield* Effect.mapError(session.handRoster, remoteErrorOf)
      return yield* call(api.head)
    })

    return Remote.of({
      head: head(),
      push: (entries) => call((one) => api.push(one, entries)),
      pull: (after, bytesMax) => call((one) => api.pull(one, after, bytesMax)),
      doc: (from, bytesMax) => call((one) => api.doc(one, from, bytesMax)),
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
