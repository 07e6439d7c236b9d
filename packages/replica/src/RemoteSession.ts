/**
 * This device's way to the server's routes: gets and renews tokens, and founds the workspace where the server has none.
 *
 * A token is renewed against the device's signature, so an expired one, or a server with another secret, costs one more
 * request and nothing else [REPLICA-13]. Rules: docs/spec/replica.md.
 */
import { Clock, Context, Effect, Layer, Semaphore, Stream } from "effect"
import type { TokenAnswer } from "@tidemark/protocol"
import { activeRole, makeProof, Primitives, statementText } from "@tidemark/crypto"
import { LocalStore, type StoreFailed } from "@tidemark/sync"
import { type HeldToken, readToken, type StoredIdentity } from "./Identity.ts"
import { Membership } from "./Membership.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"

/** A token is replaced when it would end within this time, in milliseconds. */
const renewBeforeMillis = 30_000

/** What is kept of an answer with a token that came at `now`, epoch milliseconds. */
export const heldToken = (device: HeldToken["device"], answer: TokenAnswer, now: number): HeldToken => ({
  device,
  token: answer.token,
  until: now + answer.expiresInMillis - renewBeforeMillis
})

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
  static readonly layer: Layer.Layer<RemoteSession, never, Membership | ServerApi | Primitives | LocalStore> =
    Layer.effect(
      RemoteSession,
      Effect.suspend(() => makeSession())
    )
}

/** Signs a challenge of the server's. */
const prove = Effect.fnUntraced(function* (
  api: ServerApi["Service"],
  { secret, workspace }: StoredIdentity,
  action: "renew" | "found"
) {
  const challenge = yield* api.challenge
  return yield* makeProof({ secret, action, workspace, challenge })
})

/** Gets a token against this device's signature; needs nothing but its identity. */
export const renewToken = Effect.fnUntraced(function* (api: ServerApi["Service"], identity: StoredIdentity) {
  const proof = yield* prove(api, identity, "renew")
  return yield* api.renew({ workspace: identity.workspace, device: identity.device, proof })
})

const makeSession = Effect.fnUntraced(function* () {
  const membership = yield* Membership
  const api = yield* ServerApi
  const primitives = yield* Primitives
  const store = yield* LocalStore
  const semaphore = yield* Semaphore.make(1)
  /** The token of a device. This store may become another one: then it is no longer ours. */
  let held: HeldToken | undefined
  /** The one it was let in with is looked for once. */
  let isTokenRead = false

  const renew = (identity: StoredIdentity) => Effect.provideService(renewToken(api, identity), Primitives, primitives)

  /**
   * Hands the roster to a server that lost the workspace, or holds an older roster of it: any device of ours may
   * [AMNESIA-1]. Where we are not in it ourselves, the server's word stands.
   */
  const found = Effect.fnUntraced(function* (identity: StoredIdentity) {
    const statements = yield* membership.statements
    const proof = yield* Effect.provideService(prove(api, identity, "found"), Primitives, primitives)
    return yield* api.found({ statements: statements.map(statementText), device: identity.device, proof })
  })

  const isMember = ({ device }: StoredIdentity) =>
    Effect.map(membership.roster, (roster) => activeRole(roster, device) !== undefined)

  /** Whether the server does not know what our roster tells: no such workspace, or no such device. */
  const isForgotten = (error: ServerError | StoreFailed): boolean =>
    error._tag === "WorkspaceUnknown" || (error._tag === "Unauthorized" && error.reason === "unknown")

  const keep = Effect.fnUntraced(function* ({ device }: StoredIdentity, answer: TokenAnswer) {
    held = heldToken(device, answer, yield* Clock.currentTimeMillis)
    return held.token
  })

  const session = semaphore.withPermits(1)(
    Effect.gen(function* () {
      const identity = yield* membership.identity
      const { device, workspace } = identity
      const now = yield* Clock.currentTimeMillis
      if (!isTokenRead) held = yield* readToken(store)
      isTokenRead = true
      if (held !== undefined && held.device === device && now < held.until)
        return { workspace, device, token: held.token }
      const answer = yield* renew(identity).pipe(
        Effect.catchIf(isForgotten, (error) =>
          Effect.flatMap(isMember(identity), (isOurs) => (isOurs ? found(identity) : Effect.fail(error)))
        )
      )
      return { workspace, device, token: yield* keep(identity, answer) }
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
    handRoster: semaphore.withPermits(1)(
      Effect.gen(function* () {
        const identity = yield* membership.identity
        yield* keep(identity, yield* found(identity))
      })
    ),
    use: Effect.fnUntraced(function* (call) {
      const first = yield* session
      return yield* call(first).pipe(
        Effect.catchIf(isStale, () => forget(first.token).pipe(Effect.andThen(session), Effect.flatMap(call)))
      )
    }),
    stream: (call) =>
      Stream.unwrap(
        Effect.map(session, (current) =>
          call(current).pipe(Stream.tapError((error) => (isStale(error) ? forget(current.token) : Effect.void)))
        )
      )
  })
})
