/**
 * Who this device is in one workspace: its secret seeds, the server it syncs with, and its keyring, kept in the store.
 *
 * Written once, when the workspace is created or joined; a store without it is not a workspace yet.
 */
import { Effect, Option, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { DeviceId, WorkspaceId } from "@tidemark/protocol"
import { DeviceSecret, type Keyring, StoredKeyring } from "@tidemark/crypto"
import { LocalStore, StoreFailed } from "@tidemark/sync"

/** What is kept. `origin` is the server's, without a path; `name` is this device's own word for the workspace. */
export const StoredIdentity = Schema.Struct({
  workspace: WorkspaceId,
  device: DeviceId,
  secret: DeviceSecret,
  origin: Schema.String,
  name: Schema.String
})
export type StoredIdentity = typeof StoredIdentity.Type

const IdentityJson = Schema.fromJsonString(Schema.toCodecJson(StoredIdentity))
/** A token of a device, and until when it is used, epoch milliseconds. */
export const HeldToken = Schema.Struct({ device: DeviceId, token: Schema.String, until: Schema.Int })
export type HeldToken = typeof HeldToken.Type

const TokenJson = Schema.fromJsonString(HeldToken)
const KeyringJson = Schema.fromJsonString(Schema.toCodecJson(StoredKeyring))

/** The meta keys of a replica. */
export const replicaKeys = {
  identity: "replica/identity",
  /** The token that came with the admission of this device. */
  token: "replica/token",
  keyring: "replica/keyring",
  /** The secret of the device that this copy is about to become. */
  successor: "replica/successor",
  /** One key a statement: the prefix, then the number with ten digits. */
  statements: "replica/statement/",
  /** One key a table: the shard doc in which this device creates records. */
  openShard: "replica/openShard/",
  /** The number of the last damage that a report of `Check my data` named. */
  reported: "replica/reported"
} as const

/** The identity as a meta value. */
export const encodeIdentity = Schema.encodeSync(IdentityJson)

/** The keyring as a meta value. */
export const encodeKeyring: (keyring: Keyring) => string = Schema.encodeSync(KeyringJson)

/** The meta key of statement `number`, in an order that text comparison keeps. */
export const statementKey = (number: number): string => `${replicaKeys.statements}${String(number).padStart(10, "0")}`

/** The meta entries of a workspace that begins here: identity, keyring, the statements known so far, and a token where there is one. */
export const installedMeta = (
  identity: StoredIdentity,
  keyring: Keyring,
  statements: ReadonlyArray<Uint8Array>,
  token?: HeldToken
): ReadonlyMap<string, string> =>
  new Map([
    ...(token === undefined ? [] : [[replicaKeys.token, Schema.encodeSync(TokenJson)(token)] as const]),
    [replicaKeys.identity, encodeIdentity(identity)],
    [replicaKeys.keyring, encodeKeyring(keyring)],
    ...statements.map((bytes, index) => [statementKey(index + 1), encodeStatementMeta(bytes)] as const)
  ])

/** A statement as a meta value. */
export const encodeStatementMeta = (bytes: Uint8Array): string => JSON.stringify(Base64Url.encode(bytes))

const StatementMeta = Schema.fromJsonString(Schema.String)

/** The bytes of a stored statement; a value that is none is damage. */
export const decodeStatementMeta = (key: string, value: string): Effect.Effect<Uint8Array, StoreFailed> => {
  const text = Option.getOrUndefined(Schema.decodeOption(StatementMeta)(value))
  const bytes = text === undefined ? undefined : Result.getOrUndefined(Base64Url.decode(text))
  return bytes === undefined ? Effect.fail(damaged(key)) : Effect.succeed(bytes)
}

/** The stored statements behind number `after`, up to the first that is lost. */
export const storedStatements = Effect.fnUntraced(function* (store: LocalStore["Service"], after: number) {
  const stored = new Map(yield* store.metaUnder(replicaKeys.statements))
  const found: Array<Uint8Array> = []
  for (;;) {
    const key = statementKey(after + found.length + 1)
    const value = stored.get(key)
    if (value === undefined) return found
    found.push(yield* decodeStatementMeta(key, value))
  }
})

const damaged = (key: string) =>
  new StoreFailed({
    reason: "damaged",
    message: `The stored value "${key}" of this workspace is damaged. Your edits are still in the log on this device; export them or join again by a link.`
  })

const required = <A>(decode: (text: string) => Option.Option<A>, key: string) =>
  Effect.fnUntraced(function* (values: ReadonlyMap<string, string>) {
    const value = Option.flatMap(Option.fromUndefinedOr(values.get(key)), decode)
    return Option.isSome(value) ? value.value : yield* damaged(key)
  })

/** The identity in meta values. Fails with `damaged` where there is none that can be read. */
export const identityIn = required(Schema.decodeOption(IdentityJson), replicaKeys.identity)
const requiredKeyring = required(Schema.decodeOption(KeyringJson), replicaKeys.keyring)

/** Reads who this device is. Fails with `damaged` where the store is not an installed workspace. */
export const readIdentity = Effect.fn("readIdentity")(function* () {
  const store = yield* LocalStore
  return yield* identityIn(yield* store.meta([replicaKeys.identity]))
})

/** Reads the keyring. Fails with `damaged` where there is none that can be read. */
export const readKeyring = Effect.fn("readKeyring")(function* () {
  const store = yield* LocalStore
  return yield* requiredKeyring(yield* store.meta([replicaKeys.keyring]))
})

/** The token that this device was let in with, if one was kept that can be read: any other is asked for anew. */
export const readToken = (store: LocalStore["Service"]): Effect.Effect<HeldToken | undefined, StoreFailed> =>
  Effect.map(store.meta([replicaKeys.token]), (meta) =>
    Option.getOrUndefined(Schema.decodeOption(TokenJson)(meta.get(replicaKeys.token) ?? ""))
  )

/** Writes what a new workspace begins with; does nothing when the store holds one already. */
export const installWorkspace = Effect.fn("installWorkspace")(function* (meta: ReadonlyMap<string, string>) {
  const store = yield* LocalStore
  yield* store.write({ docs: [], meta: [replicaKeys.identity] }, (view) =>
    view.meta.has(replicaKeys.identity)
      ? { _tag: "Abort", value: undefined }
      : { _tag: "Commit", batch: { meta }, value: undefined }
  )
})
