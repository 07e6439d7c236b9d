/** What is said where the browser, or the way the page was loaded, does not give what is needed. */
import { assert, it } from "@effect/vitest"
import { InsecureContext } from "@tidemark/crypto"
import { Effect } from "effect"
import { BrowserUnsupported } from "../src/BrowserErrors.ts"
import { type BrowserScope, checkBrowser } from "../src/BrowserSupport.ts"

const there: BrowserScope = {
  isSecureContext: true,
  crypto: { subtle: {} },
  navigator: { locks: {} },
  indexedDB: {},
  Worker: {},
  BroadcastChannel: {},
  CompressionStream: {}
}

it.effect("TAB-4 refuses nothing where everything is there", () => checkBrowser(there))

it.effect("TAB-3 says to use https, whatever else is missing", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(checkBrowser({ ...there, isSecureContext: false, crypto: {}, navigator: {} }))
    assert.instanceOf(error, InsecureContext)
    assert.match(error.message, /https/)
  })
)

it.effect("TAB-4 names each thing that is missing, and all of them at once", () =>
  Effect.gen(function* () {
    const lacks: ReadonlyArray<readonly [string, BrowserScope]> = [
      ["crypto.subtle", { ...there, crypto: {} }],
      ["navigator.locks", { ...there, navigator: {} }],
      ["indexedDB", { ...there, indexedDB: null }],
      ["Worker", { ...there, Worker: undefined }],
      ["BroadcastChannel", { ...there, BroadcastChannel: undefined }],
      ["CompressionStream", { ...there, CompressionStream: undefined }]
    ]
    for (const [name, scope] of lacks) {
      const error = yield* Effect.flip(checkBrowser(scope))
      assert.instanceOf(error, BrowserUnsupported)
      assert.deepStrictEqual(error.missing, [name])
      assert.include(error.message, name)
    }
    const all = yield* Effect.flip(checkBrowser({}))
    assert.deepStrictEqual(
      all instanceof BrowserUnsupported && all.missing,
      lacks.map(([name]) => name)
    )
  })
)
