/**
 * Fuzzes tokens and challenges: changed ones, other algorithms, and ones with hostile claims under the server's own
 * signature (another version of the server, or a leaked secret). An input is `t` or `c` and the text.
 */
import { Effect, Layer, ManagedRuntime, Redacted, Result } from "effect"
import { bytesToId } from "@tidemark/protocol"
import { Tokens } from "@tidemark/server"
import * as SeededPrimitives from "../../SeededPrimitives.ts"
import type { SeededRandom } from "../../SeededRandom.ts"
import { type FuzzTarget, plainLimits, PromiseBroken } from "../FuzzTarget.ts"
import { hostileBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { samplesOf } from "../internal/samples.ts"
import { claimsText, headerText, serverSecret, signChallenge, signToken } from "../internal/serverTokens.ts"

const hostileHeaders = ["none", "HS512", "RS256", "hs256", "", "__proto__"].map(headerText)

const claimsOf = (random: SeededRandom): string => {
  const isDevice = random.chance(0.7)
  return claimsText({
    workspace: bytesToId(random.bytes(16)),
    subject: `${isDevice ? "device" : "grant"}:${bytesToId(random.bytes(16))}`,
    use: isDevice ? "device" : "access",
    jti: bytesToId(random.bytes(16)),
    ...(random.chance(0.8) ? {} : { exp: 1_700_000_900 })
  })
}

/** A challenge of another time, or of a time long ago that is no surprise. */
const challengeOf = (random: SeededRandom): string => {
  const body = random.bytes(24)
  if (random.chance(0.5)) body.set([0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68], 0)
  return signChallenge(body)
}

export const tokenText: FuzzTarget = {
  name: "token",
  weight: 60,
  inputsPerProcess: 60_000,
  limits: plainLimits,
  prepare: async (random) => {
    const claims = samplesOf(random, 60, claimsOf)
    const honest = claims.map((text) => Buffer.from(signToken(headerText(), text)))
    const layer = Tokens.layer(Redacted.make(serverSecret)).pipe(
      Layer.provide(SeededPrimitives.layer(random.fork("server")))
    )
    const runtime = ManagedRuntime.make(layer)
    const tokens = await runtime.runPromise(Tokens)

    const tokenFrom = (one: SeededRandom): Uint8Array => {
      const kind = one.weighted({ changed: 4, claims: 5, header: 1, whole: 0.5 })
      if (kind === "changed") return hostileBytes(one, honest)
      if (kind === "whole") return one.pick(honest) ?? new Uint8Array(0)
      const text = one.pick(claims) ?? "{}"
      if (kind === "claims") return Buffer.from(signToken(headerText(), mutateJson(one, text)))
      return Buffer.from(
        signToken(one.chance(0.5) ? (one.pick(hostileHeaders) ?? "") : mutateJson(one, headerText()), text)
      )
    }

    return {
      input: (one) => {
        if (one.chance(0.8)) return Buffer.concat([Buffer.from("t"), tokenFrom(one)])
        const challenge = Buffer.from(challengeOf(one))
        return Buffer.concat([Buffer.from("c"), one.chance(0.5) ? challenge : hostileBytes(one, [challenge])])
      },
      run: (input) => {
        const text = Buffer.from(input.subarray(1)).toString("utf8")
        if (input[0] !== 0x74) {
          return Result.isSuccess(Effect.runSync(Effect.result(tokens.useChallenge(text)))) ? "accepted" : "refused"
        }
        const verified = Effect.runSync(Effect.result(tokens.verify(text)))
        if (Result.isFailure(verified)) return "refused"
        const isLink = verified.success.subject._tag === "Grant"
        if (isLink !== (verified.success.use === "access"))
          throw new PromiseBroken("token: a link's token acts as a device")
        return "accepted"
      },
      close: () => runtime.dispose()
    }
  }
}
