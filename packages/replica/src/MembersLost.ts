/**
 * Makes the keyring and the beginning of the list of members again that were lost with both their copies [CHECK-18].
 *
 * The statement that let this device in holds the keyring, sealed to its own key: where that is still here, no network is
 * needed. Rules: docs/spec/check.md.
 */
import { Effect, Option } from "effect"
import { foldRoster, type Keyring, type Primitives, type RosterState, unwrapKeyring } from "@tidemark/crypto"
import { LocalStore, StoreFailed } from "@tidemark/sync"
import {
  encodeKeyring,
  encodeStatementMeta,
  readIdentity,
  replicaKeys,
  statementKey,
  storedStatements,
  type StoredIdentity
} from "./Identity.ts"
import { healedMeta } from "./internal/healedMeta.ts"
import { pullRoster } from "./NewWorkspace.ts"
import { renewToken } from "./RemoteSession.ts"
import { ServerApi } from "./ServerApi.ts"

/** How long opening waits for a server that may have what is lost here. */
const serverLimit = "10 seconds"

const healed = "It was made again from the list of members."

/**
 * `keyring`: that of the store, where it is there; `hasFirst`: whether the first statement is. Fails with `damaged` where the
 * keyring is lost and neither this device nor a server that can be reached has it.
 */
export const makeMembersAnew = Effect.fnUntraced(function* (
  keyring: Keyring | undefined,
  hasFirst: boolean
): Effect.fn.Return<void, StoreFailed, LocalStore | ServerApi | Primitives> {
  const identity = yield* readIdentity()
  const unwrapped = keyring ?? (yield* keyringIn(identity, yield* storedRoster))
  if (unwrapped !== undefined && hasFirst) return yield* putBack(unwrapped, [])
  const pulled = yield* Effect.option(Effect.timeout(pullAll(identity), serverLimit))
  if (Option.isNone(pulled)) {
    if (unwrapped === undefined) return yield* lostKeyring
    return yield* putBack(unwrapped, [])
  }
  const { state, statements } = pulled.value
  const found = unwrapped ?? (yield* keyringIn(identity, state))
  if (found === undefined) return yield* lostKeyring
  yield* putBack(found, statements)
})

/** The keyring that the statement which let this device in was given; undefined where it is not there. */
const keyringIn = ({ device, secret }: StoredIdentity, roster: RosterState | undefined) =>
  Effect.map(
    Effect.option(unwrapKeyring(roster?.devices.get(device)?.wraps ?? [], device, secret.agreementSeed)),
    Option.getOrUndefined
  )

/** What stands in one row from the first statement on. */
const storedRoster = Effect.gen(function* () {
  const store = yield* LocalStore
  return (yield* foldRoster(yield* storedStatements(store, 0))).state
})

const pullAll = Effect.fnUntraced(function* (identity: StoredIdentity) {
  const { token } = yield* renewToken(yield* ServerApi, identity)
  return yield* pullRoster({ workspace: identity.workspace, token })
})

/** Writes the keyring, and statements where there are any. */
const putBack = Effect.fnUntraced(function* (keyring: Keyring, statements: ReadonlyArray<Uint8Array>) {
  const store = yield* LocalStore
  const meta = new Map([
    [replicaKeys.keyring, encodeKeyring(keyring)],
    ...statements.map((bytes, index) => [statementKey(index + 1), encodeStatementMeta(bytes)] as const)
  ])
  const heal = yield* healedMeta(store, (key) => meta.has(key), healed)
  yield* store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch: { meta, heal }, value: undefined }))
})

const lostKeyring = new StoreFailed({
  reason: "damaged",
  message:
    "The keys of this workspace that were stored on this device are damaged. Your edits are safe here. Connect to the server and open the workspace again: it gets its keys anew; or join again by a link."
})
