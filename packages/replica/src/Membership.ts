/**
 * What this device knows of the workspace's members: its own identity and keyring, and the roster it has verified.
 *
 * The roster lives in the store, one meta key a statement, so that every tab finds what any tab has pulled; statements are
 * verified when they are folded, also when they come from the store. Rules: docs/spec/replica.md.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import type { Malformed, StatementRefused } from "@tidemark/protocol"
import { foldRoster, type Keyring, Primitives, type RosterState } from "@tidemark/crypto"
import { LocalStore, StoreFailed } from "@tidemark/sync"
import {
  decodeStatementMeta,
  encodeStatementMeta,
  readIdentity,
  replicaKeys,
  statementKey,
  type StoredIdentity
} from "./Identity.ts"

export class Membership extends Context.Service<
  Membership,
  {
    /** Who this device is now: another one after this store turned out to be a copy, whichever tab found out [CLONE-3]. */
    readonly identity: Effect.Effect<StoredIdentity, StoreFailed>
    readonly keyring: Keyring
    /** The roster as the store has it now, other tabs' additions included. */
    readonly roster: Effect.Effect<RosterState, StoreFailed>
    /** The stored statements, `found` first. */
    readonly statements: Effect.Effect<ReadonlyArray<Uint8Array>, StoreFailed>
    /**
     * Verifies statements that follow number `after` and stores them. Those that are stored already are passed over. Fails
     * at the first that does not follow; the ones before it are stored.
     */
    readonly append: (
      after: number,
      statements: ReadonlyArray<Uint8Array>
    ) => Effect.Effect<RosterState, StoreFailed | Malformed | StatementRefused>
  }
>()("@tidemark/replica/Membership") {
  static readonly layer: Layer.Layer<Membership, StoreFailed, LocalStore | Primitives> = Layer.effect(
    Membership,
    Effect.suspend(() => makeMembership())
  )
}

const makeMembership = Effect.fnUntraced(function* () {
  const store = yield* LocalStore
  const primitives = yield* Primitives
  const { keyring } = yield* readIdentity()
  const identity = Effect.map(readIdentity(), (read) => read.identity).pipe(Effect.provideService(LocalStore, store))
  const semaphore = yield* Semaphore.make(1)
  let known: RosterState | undefined

  const statements = Effect.gen(function* () {
    const stored = yield* store.metaUnder(replicaKeys.statements)
    return yield* Effect.forEach(stored, ([key, value]) => decodeStatementMeta(key, value))
  })

  /** Folds what the store has beyond what is folded. */
  const roster = Effect.gen(function* () {
    const stored = yield* statements
    const news = stored.slice(known?.number ?? 0)
    if (news.length === 0 && known !== undefined) return known
    const folded = yield* foldRoster(news, known).pipe(Effect.provideService(Primitives, primitives))
    if (folded.state === undefined || folded.refusedAt !== undefined) return yield* damagedRoster(folded.state)
    known = folded.state
    return known
  })

  const append = Effect.fn("Membership.append")(function* (after: number, bytes: ReadonlyArray<Uint8Array>) {
    const state = yield* roster
    const news = bytes.slice(Math.max(0, state.number - after))
    const folded = yield* foldRoster(news, state).pipe(Effect.provideService(Primitives, primitives))
    const good = folded.refusedAt === undefined ? news : news.slice(0, folded.refusedAt.index)
    if (good.length > 0) {
      const meta = new Map(
        good.map((one, index) => [statementKey(state.number + index + 1), encodeStatementMeta(one)] as const)
      )
      // Another tab may have stored the same statements meanwhile; then there is nothing to write.
      yield* store.write({ docs: [], meta: [...meta.keys()] }, (view) =>
        view.meta.size > 0 ? { _tag: "Abort", value: undefined } : { _tag: "Commit", batch: { meta }, value: undefined }
      )
    }
    if (folded.refusedAt !== undefined) return yield* folded.refusedAt.error
    return yield* roster
  })

  return Membership.of({
    identity,
    keyring,
    roster: semaphore.withPermits(1)(roster),
    statements,
    append: (after, bytes) => semaphore.withPermits(1)(append(after, bytes))
  })
})

const damagedRoster = (state: RosterState | undefined) =>
  new StoreFailed({
    reason: "damaged",
    message: `The list of members stored on this device is damaged after statement ${state?.number ?? 0}. Your edits are safe in the log; join again by a link to get the list anew.`
  })
