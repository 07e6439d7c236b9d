/**
 * Fuzzes folding a roster and opening the keys in it: statements changed on the way, and statements that say hostile
 * things under a valid signature; lists that went two ways and were united among them. An input is a roster frame.
 */
import { Effect, ManagedRuntime, Result } from "effect"
import { foldRoster, Primitives, unwrapKeyring } from "@tidemark/crypto"
import { decodeRosterPage, encodeRosterPage, RosterNumber } from "@tidemark/protocol"
import type { FuzzTarget } from "../FuzzTarget.ts"
import { mutateBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { cryptoWorld, runCryptoWith, type SignedStatement, signStatement } from "../internal/cryptoWorld.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const megabyte = 1_048_576

/** X25519 and Ed25519 keys that real implementations trip over: zero, one, the order's edges, small order. */
const oddKeys = [
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "7P_______________________________________38",
  "7f_______________________________________38",
  "__________________________________________8",
  "4Ot6fDtBuK4WVuP68Z_EatoJjeucMrH9hmIFFl9JuAA"
]

/** The statement with its body changed, or one of its keys an odd one, and a valid signature. */
const lying = (random: SeededRandom, { bytes, signer }: SignedStatement): Uint8Array => {
  if (signer === undefined) return mutateBytes(random, bytes, 1)
  const text = Buffer.from(bytes.subarray(1, -64)).toString("utf8")
  const keys = [...text.matchAll(/"(?:signing|agreement)":"([^"]{43})"/g)].map((match) => match[1] ?? "")
  const key = random.pick(keys)
  const changed =
    key !== undefined && random.chance(0.3) ? text.replace(key, random.pick(oddKeys) ?? key) : mutateJson(random, text)
  const signed = Buffer.concat([Uint8Array.of(1), Buffer.from(changed, "utf8")])
  return runCryptoWith(random)(signStatement(signer, signed))
}

export const rosterChain: FuzzTarget = {
  name: "roster chain",
  weight: 25,
  inputsPerProcess: 20_000,
  limits: { cpuMillisMax: 1_000, memoryBytesMax: 96 * megabyte },
  prepare: async (random) => {
    const world = cryptoWorld(random)
    const runtime = ManagedRuntime.make(Primitives.layerWebCrypto)
    const { agreementSeed } = world.editor.secret

    const fold = Effect.fnUntraced(function* (statements: ReadonlyArray<Uint8Array>) {
      const { refusedAt, state } = yield* foldRoster(statements)
      const wraps = [...(state?.devices.values() ?? [])].flatMap((device) => device.wraps)
      for (const recipient of [world.editor.device, world.owner.device]) {
        yield* Effect.result(unwrapKeyring(wraps, recipient, agreementSeed))
      }
      return refusedAt === undefined ? ("accepted" as const) : ("refused" as const)
    })

    return {
      input: (one) => {
        const list = one.chance(0.5) ? world.united : world.statements
        const count = one.between(1, list.length)
        const target = one.below(count)
        const kind = one.weighted({ lying: 6, changed: 2, order: 1, whole: 0.3 })
        const statements = list.slice(0, count).map((statement, index) => {
          if (index !== target || kind === "whole" || kind === "order") return statement.bytes
          return kind === "lying" ? lying(one, statement) : mutateBytes(one, statement.bytes, one.between(1, 3))
        })
        if (kind === "order") statements.splice(target, 1, ...(one.chance(0.5) ? [] : statements.slice(0, 2)))
        return encodeRosterPage({ after: RosterNumber.make(0), statements })
      },
      run: (input) => {
        const page = decodeRosterPage(input)
        return Result.isFailure(page) ? "refused" : runtime.runPromise(fold(page.success.statements))
      },
      close: () => runtime.dispose()
    }
  }
}
