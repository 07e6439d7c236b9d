/**
 * What this device knows of the workspace's members: its own identity and keyring, and the roster it has verified.
 *
 * The roster lives in the store, one meta key a statement, so that every tab finds what any tab has pulled; statements are
 * verified when they are folded, also when they come from the store. Rules: docs/spec/replica.md.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { type Malformed, RosterNumber, StatementRefused } from "@tidemark/protocol"
import { foldRoster, type Keyring, Primitives, type RosterState } from "@tidemark/crypto"
import { LocalStore, StoreFailed } from "@tidemark/sync"
import {
  encodeStatementMeta,
  readIdentity,
  readKeyring,
  statementKey,
  storedStatements,
  type StoredIdentity
} from "./Identity.ts"
import { healedMeta } from "./internal/healedMeta.ts"

export class Membership extends Context.Service<
  Membership,
  {
    /** Who this device is now: another one after this store turned out to be a copy, whichever tab found out [CLONE-3]. */
    readonly identity: Effect.Effect<StoredIdentity, StoreFailed>
    readonly keyring: Keyring
    /**
     * The roster as the store has it now, other tabs' additions included, up to the first statement that is lost. Fails with
     * `damaged` where not even the founding one is there [CHECK-18].
     */
    readonly roster: Effect.Effect<RosterState, StoreFailed>
    /** The number of the roster's last statement; 0 where there is none. */
    readonly number: Effect.Effect<RosterNumber, StoreFailed>
    /** The stored statements, `found` first, up to the first that is lost. */
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
  const keyring = yield* readKeyring()
  const identity = Effect.provideService(readIdentity(), LocalStore, store)
  const semaphore = yield* Semaphore.make(1)
  let known: RosterState | undefined

  /** Folds what the store has beyond what is folded. What does not follow is as good as lost: it is pulled again. */
  const folded = Effect.gen(function* () {
    const news = yield* storedStatements(store, known?.number ?? 0)
    if (news.length > 0) known = (yield* foldRoster(news, known)).state ?? known
    return known
  }).pipe(Effect.provideService(Primitives, primitives))

  const roster = Effect.flatMap(folded, (state) => (state === undefined ? lostRoster : Effect.succeed(state)))

  const append = Effect.fn("Membership.append")(
    function* (after: number, bytes: ReadonlyArray<Uint8Array>) {
      const state = yield* folded
      const number = state?.number ?? 0
      const news = bytes.slice(Math.max(0, number - after))
      const { refusedAt, ...next } = yield* foldRoster(news, state)
      if (next.state !== undefined && next.state.workspace !== (yield* identity).workspace) return yield* otherWorkspace
      const good = refusedAt === undefined ? news : news.slice(0, refusedAt.index)
      if (good.length > 0) {
        const meta = new Map(
          good.map((one, index) => [statementKey(number + index + 1), encodeStatementMeta(one)] as const)
        )
        const heal = yield* healedMeta(store, (key) => meta.has(key), "It was pulled again from the server.")
        // Another tab may have stored the same statements meanwhile; then there is nothing to write.
        yield* store.write({ docs: [], meta: [...meta.keys()] }, (view) =>
          [...meta].every(([key, value]) => view.meta.get(key) === value)
            ? { _tag: "Abort", value: undefined }
            : { _tag: "Commit", batch: { meta, heal }, value: undefined }
        )
      }
      if (refusedAt !== undefined) return yield* refusedAt.error
      return yield* roster
    },
    Effect.provideService(Primitives, primitives)
  )

  return Membership.of({
    identity,
    keyring,
    roster: semaphore.withPermits(1)(roster),
    number: Effect.map(semaphore.withPermits(1)(folded), (state) => RosterNumber.make(state?.number ?? 0)),
    statements: storedStatements(store, 0),
    append: (after, bytes) => semaphore.withPermits(1)(append(after, bytes))
  })
})

const lostRoster = new StoreFailed({
  reason: "damaged",
  message:
    "The list of members stored on this device was damaged. Your edits are safe here; the list is pulled again once the server can be reached."
})

const otherWorkspace = new StatementRefused({
  reason: "wrongWorkspace",
  message: "The server sent the list of members of another workspace"
})
