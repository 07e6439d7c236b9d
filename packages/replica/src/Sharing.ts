/**
 * Who may come in and who must go: grants behind links, the list of devices, revocations. All need the network.
 *
 * Each is one statement appended by compare-and-set; where somebody else was first, the roster is pulled and the statement
 * built again. Rules: docs/spec/replica.md.
 */
import { Clock, Effect, Option, Schema } from "effect"
import { type AccessList, Cursor, type DeviceId, type GrantId, grantMillisMax, LogId, Seq } from "@tidemark/protocol"
import {
  chainStart,
  encodeLink,
  makeGrant,
  makeRevoke,
  Primitives,
  type RosterState,
  statementText
} from "@tidemark/crypto"
import { LocalStore, metaKeys, Remote, type RemoteError, type StoreFailed } from "@tidemark/sync"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { Membership } from "./Membership.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { ServerApi, type ServerError } from "./ServerApi.ts"
import { ShareFailed, type ShareOptions } from "./ShareFailed.ts"

export interface Sharing {
  /** A link, as text, for the app's own origin. Whoever holds it may join until it expires or is used up. */
  readonly share: (options: ShareOptions) => Effect.Effect<string, ShareFailed>
  /** Devices and grants as the server sees them. */
  readonly access: Effect.Effect<AccessList, ShareFailed>
  /** Ends a device's or a grant's permission; an honest server closes that device's socket at once. */
  readonly revoke: (
    target: { readonly device: DeviceId } | { readonly grant: GrantId }
  ) => Effect.Effect<void, ShareFailed>
}

/** How often a statement is built again because the roster moved. */
const attemptsMax = 8

export const makeSharing = Effect.fnUntraced(function* (): Effect.fn.Return<
  Sharing,
  never,
  Membership | RemoteSession | Remote | ServerApi | LocalStore | Primitives
> {
  const membership = yield* Membership
  const session = yield* RemoteSession
  const remote = yield* Remote
  const api = yield* ServerApi
  const store = yield* LocalStore
  const primitives = yield* Primitives
  const { keyring } = membership

  /** Pulls the roster, builds a statement on it, sends it, and pulls it back; again while others are faster. */
  const append = Effect.fnUntraced(function* <A>(
    attempt: Effect.Effect<A, ServerError | ShareFailed | StoreFailed>
  ): Effect.fn.Return<A, ShareFailed> {
    for (let count = 0; count < attemptsMax; count++) {
      yield* Effect.mapError(remote.refreshRoster, ofRemote)
      const result = yield* attempt.pipe(
        Effect.asSome,
        Effect.catchTag("RosterMoved", () => Effect.succeed(Option.none<A>())),
        Effect.mapError(shareFailedOf)
      )
      if (Option.isNone(result)) continue
      yield* Effect.ignore(remote.refreshRoster)
      return result.value
    }
    return yield* new ShareFailed({
      reason: "unreachable",
      message: "The list of members is changing too fast. Try again."
    })
  })

  /** What the server took is kept here before anybody hears of it: it may forget it, and then gets it back [AMNESIA-2]. */
  const keep = (state: RosterState, statement: Uint8Array) =>
    Effect.catchTag(membership.append(state.number, [statement]), ["Malformed", "StatementRefused"], () => Effect.void)

  const share = Effect.fn("Sharing.share")(function* (options: ShareOptions) {
    const at = yield* Clock.currentTimeMillis
    if (options.expiresAt <= at || options.expiresAt > at + grantMillisMax) {
      return yield* new ShareFailed({
        reason: "invalid",
        message: "A link lasts until some time within the next year. Choose another end."
      })
    }
    return yield* append(
      Effect.gen(function* () {
        const state = yield* membership.roster
        const { device: by, origin, secret, workspace } = yield* membership.identity
        const made = yield* Effect.orDie(makeGrant({ state, secret, by, keyring, ...options, at }))
        const { accessToken } = yield* session.use((one) => api.grant(one, statementText(made.bytes)))
        yield* keep(state, made.bytes)
        return encodeLink({ origin, accessToken, linkSecret: made.linkSecret, workspace })
      }).pipe(Effect.provideService(Primitives, primitives))
    )
  })

  const revoke = Effect.fn("Sharing.revoke")(function* (
    target: { readonly device: DeviceId } | { readonly grant: GrantId }
  ) {
    const at = yield* Clock.currentTimeMillis
    yield* append(
      Effect.gen(function* () {
        const state = yield* membership.roster
        const { device: by, secret } = yield* membership.identity
        const seen = yield* readCursor(store)
        const bytes = yield* makeRevoke({ state, secret, by, target, seen, at })
        yield* session.use((one) => api.revoke(one, statementText(bytes)))
        yield* keep(state, bytes)
      }).pipe(Effect.provideService(Primitives, primitives))
    )
  })

  return { share, revoke, access: Effect.mapError(session.use(api.list), shareFailedOf) }
})

const CursorJson = Schema.fromJsonString(Cursor)

/** How far this device has stored the log; before anything, the start of a log of zero bytes. */
const readCursor = Effect.fnUntraced(function* (store: LocalStore["Service"]) {
  const value = (yield* store.meta([metaKeys.cursor])).get(metaKeys.cursor)
  const cursor = value === undefined ? undefined : Option.getOrUndefined(Schema.decodeOption(CursorJson)(value))
  const nowhere = LogId.make("A".repeat(22))
  return cursor ?? { logId: nowhere, seq: Seq.make(0), chain: chainStart(nowhere) }
})

const shareFailedOf = (error: ServerError | StoreFailed | ShareFailed): ShareFailed => {
  if (error._tag === "ShareFailed") return error
  if (error._tag === "StoreFailed") return new ShareFailed({ reason: "store", message: error.message })
  if (error._tag === "Forbidden") return new ShareFailed({ reason: "notOwner", message: error.message })
  if (error._tag === "StatementRefused") return new ShareFailed({ reason: "refused", message: error.message })
  return ofRemote(remoteErrorOf(error))
}

const ofRemote = (error: RemoteError): ShareFailed =>
  new ShareFailed({ reason: error._tag === "Refused" ? "refused" : "unreachable", message: error.message })
