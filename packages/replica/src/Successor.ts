/**
 * How a copy of a device becomes a device of its own: under new keys, let in by the old ones.
 *
 * No owner need be awake, and a revoked device gets nowhere: the roster takes an admission only from a device that is in
 * [ROSTER-13]. The new secret is kept before anything is sent, so that an admission whose answer was lost is found in the roster
 * and not repeated under other keys. Rules: docs/spec/clones.md.
 */
import { Clock, Effect, Option, Schema } from "effect"
import {
  deviceIdOf,
  DeviceSecret,
  makeAdmitCopy,
  makeDeviceSecret,
  makeProof,
  Primitives,
  publicKeysOf,
  statementText
} from "@tidemark/crypto"
import { LocalStore, type Remote, type RemoteError, type StoreFailed, Unreachable } from "@tidemark/sync"
import { encodeIdentity, replicaKeys } from "./Identity.ts"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { Membership } from "./Membership.ts"
import { RemoteSession } from "./RemoteSession.ts"
import { ServerApi, type ServerError } from "./ServerApi.ts"

/** How often the admission is built again because somebody else appended to the roster first. */
const attemptsMax = 8

const SecretJson = Schema.fromJsonString(Schema.toCodecJson(DeviceSecret))

/** The secret of the new device: the one kept, else a fresh one that is kept first. */
const keptSecret = Effect.fnUntraced(function* (store: LocalStore["Service"]) {
  const key = replicaKeys.successor
  const made = yield* makeDeviceSecret
  const text = Schema.encodeSync(SecretJson)(made)
  const { value } = yield* store.write({ docs: [], meta: [key] }, (view) => {
    const kept = Option.fromUndefinedOr(view.meta.get(key)).pipe(Option.flatMap(Schema.decodeOption(SecretJson)))
    return Option.isSome(kept)
      ? { _tag: "Abort", value: kept.value }
      : { _tag: "Commit", batch: { meta: new Map([[key, text]]) }, value: made }
  })
  return value
})

/** `Remote.becomeNew`. `refreshRoster` is the session's. */
export const makeBecomeNew = Effect.fnUntraced(function* (refreshRoster: Remote["Service"]["refreshRoster"]) {
  const membership = yield* Membership
  const session = yield* RemoteSession
  const api = yield* ServerApi
  const store = yield* LocalStore
  const primitives = yield* Primitives

  const admit = Effect.fnUntraced(function* (copy: DeviceSecret) {
    const { device: by, secret, workspace } = yield* membership.identity
    const state = yield* membership.roster
    const at = yield* Clock.currentTimeMillis
    // A key pair of our own making has no small order, the only way this can fail.
    const statement = yield* Effect.orDie(makeAdmitCopy({ state, by, secret, copy, keyring: membership.keyring, at }))
    const challenge = yield* api.challenge
    const proof = yield* makeProof({ secret: copy, action: "admit", workspace, challenge })
    yield* session.use((one) => api.admit(one, statementText(statement), proof))
  })

  return Effect.gen(function* (): Effect.fn.Return<
    ReadonlyMap<string, string | undefined>,
    RemoteError | ServerError | StoreFailed,
    Primitives
  > {
    const secret = yield* keptSecret(store)
    const device = deviceIdOf((yield* publicKeysOf(secret)).signing)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      yield* refreshRoster
      if ((yield* membership.roster).devices.has(device)) {
        const identity = { ...(yield* membership.identity), device, secret }
        return new Map([
          [replicaKeys.identity, encodeIdentity(identity)],
          [replicaKeys.successor, undefined]
        ])
      }
      yield* Effect.catchTag(admit(secret), "RosterMoved", () => Effect.void)
    }
    return yield* new Unreachable({ message: "The list of members is changing too fast. Trying again." })
  }).pipe(Effect.provideService(Primitives, primitives), Effect.mapError(toRemoteError))
})

const toRemoteError = (error: RemoteError | ServerError | StoreFailed): RemoteError =>
  error._tag === "Behind" || error._tag === "Refused" ? error : remoteErrorOf(error)
