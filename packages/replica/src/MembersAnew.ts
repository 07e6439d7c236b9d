/**
 * Looks whether the keyring and the beginning of the list of members are there, before a workspace is opened [CHECK-18].
 *
 * Where one was lost with both its copies, `MembersLost.ts` makes it again. Rules: docs/spec/check.md.
 */
import { Effect, Option } from "effect"
import type { Primitives } from "@tidemark/crypto"
import { LocalStore, type StoreFailed } from "@tidemark/sync"
import { readKeyring, statementKey } from "./Identity.ts"
import { RareParts } from "./RareParts.ts"
import type { ServerApi } from "./ServerApi.ts"

/** Reads two values and does nothing where both are there. Fails as `makeMembersAnew` does. */
export const membersAnew: Effect.Effect<void, StoreFailed, LocalStore | ServerApi | Primitives | RareParts> =
  Effect.gen(function* () {
    const store = yield* LocalStore
    const keyring = Option.getOrUndefined(yield* Effect.option(readKeyring()))
    const first = statementKey(1)
    const hasFirst = (yield* store.meta([first])).has(first)
    if (keyring !== undefined && hasFirst) return
    const { makeMembersAnew } = yield* (yield* RareParts).membersLost
    yield* makeMembersAnew(keyring, hasFirst)
  })
