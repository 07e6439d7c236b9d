/**
 * What this device knows of the workspace's members: its own identity and keyring, and the roster it has verified.
 *
 * The roster lives in the store, one meta key a statement, so that every tab finds what any tab has pulled; statements are
 * verified when they are folded, also when they come from the store. Rules: docs/spec/replica.md.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { type Hash, type Malformed, RosterNumber, StatementRefused } from "@tidemark/protocol"
import { foldRoster, hashOf, holdsRoster, type Keyring, Primitives, type RosterState } from "@tidemark/crypto"
import { LocalStore, StoreFailed } from "@tidemark/sync"
import {
  decodeStatementMeta,
  encodeStatementMeta,
  identityIn,
  readKeyring,
  replicaKeys,
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
    /** The roster's last statement: its number, 0 where there is none, and its hash. */
    readonly place: Effect.Effect<{ readonly number: RosterNumber; readonly head: Hash | undefined }, StoreFailed>
    /** The statements of the roster, `found` first. */
    readonly statements: Effect.Effect<ReadonlyArray<Uint8Array>, StoreFailed>
    /**
     * Verifies statements that follow number `after` and stores them. Those that are stored already are passed over. Fails
     * at the first that does not follow; the ones before it are stored.
     */
    readonly append: (
      after: number,
      statements: ReadonlyArray<Uint8Array>
    ) => Effect.Effect<RosterState, StoreFailed | Malformed | StatementRefused>
    /**
     * Puts a whole list in the place of this device's, if it says everything that this one does; `false` where it does not,
     * and nothing was changed. Fails where the list does not fold to its end.
     */
    readonly adopt: (
      list: ReadonlyArray<Uint8Array>
    ) => Effect.Effect<boolean, StoreFailed | Malformed | StatementRefused>
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
  /** As it was read last: the same text is decoded once, since every push asks. */
  let read: { readonly text: string; readonly identity: StoredIdentity } | undefined
  const identity = Effect.gen(function* () {
    const values = yield* store.meta([replicaKeys.identity])
    const text = values.get(replicaKeys.identity) ?? ""
    if (read?.text !== text) read = { text, identity: yield* identityIn(values) }
    return read.identity
  })
  const semaphore = yield* Semaphore.make(1)
  let known: RosterState | undefined

  /** The folded list's last statement as it was met in the store last. */
  let met: { readonly head: Hash; readonly value: string } | undefined

  /** Whether this is the folded list's last statement: another tab may have put a list in its place that says more. */
  const isStill = Effect.fnUntraced(function* ({ head, number }: RosterState, value: string | undefined) {
    if (value === undefined || (met?.head === head && met.value === value)) return true
    if (hashOf(yield* decodeStatementMeta(statementKey(number), value)) !== head) return false
    met = { head, value }
    return true
  })

  /** What is folded, where the store has exactly that: the one case of nearly every look. */
  const unmoved = Effect.fnUntraced(function* (state: RosterState) {
    const [last, next] = [statementKey(state.number), statementKey(state.number + 1)]
    const meta = yield* store.meta([last, next])
    return { isSame: yield* isStill(state, meta.get(last)), isAll: !meta.has(next) }
  })

  /** Folds what the store has beyond what is folded. What does not follow is as good as lost: it is pulled again. */
  const folded = Effect.gen(function* () {
    const look = known === undefined ? undefined : yield* unmoved(known)
    if (look?.isSame === true && look.isAll) return known
    const from = look?.isSame === true ? known : undefined
    const news = yield* storedStatements(store, from?.number ?? 0)
    if (news.length === 0) return known
    const next = yield* foldRoster(news, from)
    if (next.refusedAt === undefined || from === undefined) known = next.state ?? known
    // It may go two ways before the end of what is folded: then the whole list tells.
    else known = (yield* foldRoster(yield* storedStatements(store, 0))).state ?? next.state
    return known
  }).pipe(Effect.provideService(Primitives, primitives))

  const roster = Effect.flatMap(folded, (state) => (state === undefined ? lostRoster : Effect.succeed(state)))

  /** Writes statements where the store still has what it had under their keys; `false` where it has not. */
  const put = Effect.fnUntraced(function* (
    meta: ReadonlyMap<string, string | undefined>,
    before: ReadonlyMap<string, string>
  ) {
    if (meta.size === 0) return true
    const heal = yield* healedMeta(store, (key) => meta.has(key), "It was pulled again from the server.")
    const { value } = yield* store.write({ docs: [], meta: [...meta.keys()] }, (view) =>
      [...meta.keys()].every((key) => view.meta.get(key) === before.get(key))
        ? { _tag: "Commit", batch: { meta, heal }, value: true }
        : { _tag: "Abort", value: false }
    )
    return value
  })

  const statements = Effect.gen(function* () {
    const number = (yield* folded)?.number ?? 0
    return (yield* storedStatements(store, 0)).slice(0, number)
  })

  const append = Effect.fn("Membership.append")(
    function* (after: number, bytes: ReadonlyArray<Uint8Array>) {
      for (;;) {
        const state = yield* folded
        const number = state?.number ?? 0
        const news = bytes.slice(Math.max(0, number - after))
        const { refusedAt, ...next } = yield* foldRoster(news, state)
        if (next.state !== undefined && next.state.workspace !== (yield* identity).workspace)
          return yield* otherWorkspace
        const good = refusedAt === undefined ? news : news.slice(0, refusedAt.index)
        const meta = new Map(
          good.map((one, index) => [statementKey(number + index + 1), encodeStatementMeta(one)] as const)
        )
        const before = yield* store.meta([...meta.keys()])
        // Another tab may have stored the same statements, or others, meanwhile: what it stored is not written over.
        if (((yield* folded)?.number ?? 0) !== number || !(yield* put(meta, before))) continue
        if (refusedAt !== undefined) return yield* refusedAt.error
        return yield* roster
      }
    },
    Effect.provideService(Primitives, primitives)
  )

  const adopt = Effect.fn("Membership.adopt")(
    function* (list: ReadonlyArray<Uint8Array>) {
      const next = yield* foldRoster(list)
      if (next.refusedAt !== undefined) return yield* next.refusedAt.error
      if (next.state?.workspace !== (yield* identity).workspace) return yield* otherWorkspace
      for (;;) {
        const before = new Map(yield* store.metaUnder(replicaKeys.statements))
        if (!holdsRoster(list, yield* statements)) return false
        const listed = new Map(list.map((one, index) => [statementKey(index + 1), encodeStatementMeta(one)] as const))
        // What stands behind its end did not follow: it is in the list, or as good as lost.
        const rest = [...before.keys()].filter((key) => !listed.has(key)).map((key) => [key, undefined] as const)
        const isDone = yield* put(new Map([...listed, ...rest]), before)
        // Another tab has stored something meanwhile: it has to be in the list, too.
        if (isDone) return true
      }
    },
    Effect.provideService(Primitives, primitives)
  )

  return Membership.of({
    identity,
    keyring,
    roster: semaphore.withPermits(1)(roster),
    place: Effect.map(semaphore.withPermits(1)(folded), (state) => ({
      number: RosterNumber.make(state?.number ?? 0),
      head: state?.head
    })),
    statements: semaphore.withPermits(1)(statements),
    append: (after, bytes) => semaphore.withPermits(1)(append(after, bytes)),
    adopt: (list) => semaphore.withPermits(1)(adopt(list))
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
