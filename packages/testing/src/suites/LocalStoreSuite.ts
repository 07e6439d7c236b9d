/**
 * The contract of `LocalStore`, as tests that every implementation runs: memory, SQLite, IndexedDB.
 *
 * It needs nothing but Effect and vitest, so it also runs in a browser. Rules: docs/spec/store.md.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { LocalSeq } from "@tidemark/protocol"
import { commit, docA, type MakeStorage, own } from "./internal/localStoreFixtures.ts"
import { localStoreEdits } from "./internal/localStoreEdits.ts"
import { localStoreVanished } from "./internal/localStoreVanished.ts"
import { localStoreChecks } from "./internal/localStoreChecks.ts"
import { localStoreOutbox } from "./internal/localStoreOutbox.ts"
import { localStoreTails } from "./internal/localStoreTails.ts"
import { localStoreTransactions } from "./internal/localStoreTransactions.ts"

export type { DamageToDo, MakeStorage, StoreStorage } from "./internal/localStoreFixtures.ts"

/** The app tables the suite writes rows to, as the model would describe them. */
export const localStoreSuiteTables: ReadonlyArray<{ readonly name: string; readonly indexes: string }> = [
  { name: "tasks", indexes: "id, done" },
  { name: "contacts", indexes: "id" }
]

/**
 * Runs the contract against stores opened over storages that `makeStorage` makes, a new one for each test. `noticesLoss`: the
 * storage may lose whole records, and the store has to notice.
 */
export const localStoreSuite = (
  name: string,
  makeStorage: MakeStorage,
  { noticesLoss }: { readonly noticesLoss: boolean }
): void => {
  describe(`LocalStore: ${name}`, () => {
    localStoreTransactions(makeStorage)
    localStoreTails(makeStorage)
    localStoreOutbox(makeStorage)
    localStoreEdits(makeStorage)
    localStoreChecks(makeStorage)
    if (noticesLoss) localStoreVanished(makeStorage)

    it.effect("STORE-31 a closed store fails with `disconnected`, and the others go on", () =>
      Effect.gen(function* () {
        const storage = yield* makeStorage
        const scope = yield* Scope.make()
        const closed = yield* Scope.provide(storage.open, scope)
        const other = yield* storage.open
        yield* commit(closed, { updates: [own(docA)] })
        yield* Scope.close(scope, Exit.void)
        const failures = [
          yield* Effect.flip(commit(closed, { updates: [own(docA)] })),
          yield* Effect.flip(closed.counts)
        ]
        assert.deepStrictEqual(
          failures.map(({ _tag, reason }) => [_tag, reason]),
          [
            ["StoreFailed", "disconnected"],
            ["StoreFailed", "disconnected"]
          ]
        )
        assert.strictEqual((yield* other.tail(docA, LocalSeq.make(0))).updates.length, 1)
        yield* commit(other, { updates: [own(docA)] })
      })
    )
  })
}
