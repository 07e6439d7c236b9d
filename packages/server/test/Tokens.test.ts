import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { Primitives } from "@tidemark/crypto"
import { challengeMillisMax, DeviceId, GrantId, tokenMillis, WorkspaceId } from "@tidemark/protocol"
import { Tokens } from "@tidemark/server"
import jwt from "jsonwebtoken"
import { createHmac } from "node:crypto"
import { testSecret } from "./stores.ts"

const workspace = WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA")
const device = DeviceId.make("BAAAAAAAAAAAAAAAAAAAAA")
const grant = GrantId.make("CAAAAAAAAAAAAAAAAAAAAA")
const layer = (secret = testSecret, usedCountMax?: number) =>
  Layer.fresh(Tokens.layer(secret, usedCountMax)).pipe(Layer.provideMerge(Primitives.layerWebCrypto))

/** The key this server signs with, derived as it does, so that forgeries differ in one thing only. */
const signingKey = createHmac("sha256", Redacted.value(testSecret)).update("tidemark/server/token/1").digest()
const goodClaims = {
  iss: "tidemark",
  aud: "tidemark/sync/1",
  sub: `device:${device}`,
  jti: "AAAAAAAAAAAA",
  ws: workspace,
  use: "device",
  iat: 1,
  exp: 900
}

const kidOf = (token: string): string => {
  const decoded = jwt.decode(token, { complete: true })
  return decoded?.header.kid ?? ""
}

const reasonOf = (token: string) =>
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const result = yield* Effect.result(tokens.verify(token))
    return Result.isFailure(result) ? result.failure.reason : "accepted"
  })

describe("Tokens", () => {
  it.effect("TOKEN-1 a token names its workspace, subject and use, and lasts tokenMillis", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const { expiresInMillis, token } = yield* tokens.issueDevice(workspace, device, "master")
      const access = yield* tokens.issueAccess(workspace, grant, 60_000)
      assert.deepStrictEqual(yield* tokens.verify(token), {
        workspace,
        use: "master",
        subject: { _tag: "Device", device },
        expiresAtMillis: tokenMillis
      })
      assert.strictEqual(expiresInMillis, tokenMillis)
      assert.deepStrictEqual((yield* tokens.verify(access)).subject, { _tag: "Grant", grant })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("TOKEN-1 a token with one thing wrong is forged: algorithm, key, signature, or any claim", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const { token } = yield* tokens.issueDevice(workspace, device, "device")
      const keyid = kidOf(token)
      const sign = (claims: object, options: jwt.SignOptions = {}) =>
        jwt.sign(claims, signingKey, { keyid, ...options })
      assert.strictEqual(yield* reasonOf(sign(goodClaims)), "accepted")
      const without = (name: string) => Object.fromEntries(Object.entries(goodClaims).filter(([key]) => key !== name))
      const [head = "", body = "", signature = ""] = token.split(".")
      const tampered = Buffer.from(JSON.stringify({ ...goodClaims, exp: 9_999_999 })).toString("base64url")
      const forgeries: Record<string, string> = {
        "alg none": jwt.sign(goodClaims, null, { algorithm: "none", keyid }),
        "alg none with our signature": `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.${signature}`,
        HS512: sign(goodClaims, { algorithm: "HS512" }),
        "another secret": jwt.sign(goodClaims, Buffer.alloc(32, 8), { keyid }),
        "the raw secret": jwt.sign(goodClaims, Buffer.from(Redacted.value(testSecret)), { keyid }),
        "no kid": jwt.sign(goodClaims, signingKey),
        "another kid": sign(goodClaims, { keyid: "other" }),
        "tampered claims": `${head}.${tampered}.${signature}`,
        "no exp": sign(without("exp")),
        "no sub": sign(without("sub")),
        "no jti": sign(without("jti")),
        "no iat": sign(without("iat"), { noTimestamp: true }),
        "no workspace": sign(without("ws")),
        "no use": sign(without("use")),
        "another audience": sign({ ...goodClaims, aud: "else" }),
        "another issuer": sign({ ...goodClaims, iss: "else" }),
        "a grant as a device": sign({ ...goodClaims, sub: `grant:${grant}` }),
        "a device as an access token": sign({ ...goodClaims, use: "access" }),
        "a subject that is no id": sign({ ...goodClaims, sub: "device:me" }),
        "no token at all": "x"
      }
      const reasons = yield* Effect.forEach(Object.entries(forgeries), ([name, forgery]) =>
        Effect.map(reasonOf(forgery), (reason) => [name, reason])
      )
      assert.deepStrictEqual(
        reasons,
        Object.keys(forgeries).map((name) => [name, "forged"])
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("TOKEN-2 a token expires, with 30 seconds of tolerance between two servers' clocks", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const { token } = yield* tokens.issueDevice(workspace, device, "device")
      yield* TestClock.adjust(tokenMillis + 29_000)
      assert.strictEqual(yield* reasonOf(token), "accepted")
      yield* TestClock.adjust(1_000)
      assert.strictEqual(yield* reasonOf(token), "expired")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("TOKEN-3 a challenge is accepted once, within challengeMillisMax, and only where it was made", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const [first, second, third] = [yield* tokens.challenge, yield* tokens.challenge, yield* tokens.challenge]
      yield* tokens.useChallenge(first.challenge)
      const again = yield* Effect.flip(tokens.useChallenge(first.challenge))
      yield* TestClock.adjust(challengeMillisMax)
      yield* tokens.useChallenge(second.challenge)
      yield* TestClock.adjust(1)
      const late = yield* Effect.flip(tokens.useChallenge(third.challenge))
      const other = yield* Effect.flip(tokens.useChallenge(`${third.challenge.slice(0, -2)}AA`))
      const elsewhere = yield* Effect.gen(function* () {
        const strangers = yield* Tokens
        return (yield* strangers.challenge).challenge
      }).pipe(Effect.provide(layer(Redacted.make(new Uint8Array(32).fill(9)))))
      const foreign = yield* Effect.flip(tokens.useChallenge(elsewhere))
      assert.deepStrictEqual(
        [again, late, other, foreign].map((error) => error._tag === "Unauthorized" && error.reason),
        ["challenge", "challenge", "challenge", "challenge"]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("TOKEN-7 a clock that jumps ten years ahead and back locks nobody out: each renews once", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const now = 1_800_000_000_000
      const years = 10 * 365 * 86_400_000
      const renew = Effect.gen(function* () {
        const { challenge } = yield* tokens.challenge
        yield* tokens.useChallenge(challenge)
        return { challenge, ...(yield* tokens.issueDevice(workspace, device, "device")) }
      })
      yield* TestClock.setTime(now)
      const before = yield* renew
      yield* TestClock.setTime(now + years)
      assert.strictEqual(yield* reasonOf(before.token), "expired")
      const ahead = yield* renew
      const access = yield* tokens.issueAccess(workspace, grant, now + years + 60_000)
      assert.strictEqual(yield* reasonOf(ahead.token), "accepted")
      yield* TestClock.setTime(now)
      assert.strictEqual(yield* reasonOf(ahead.token), "expired")
      assert.strictEqual(yield* reasonOf(access), "accepted")
      assert.strictEqual(yield* reasonOf((yield* renew).token), "accepted")
      // Within the tolerance two servers may differ.
      yield* TestClock.setTime(now - 29_000)
      assert.strictEqual(yield* reasonOf(before.token), "accepted")
      yield* TestClock.setTime(now - 31_000)
      assert.strictEqual(yield* reasonOf(before.token), "expired")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("TOKEN-7 challenges used while the clock was ahead do not fill the memory of used ones", () =>
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const use = Effect.flatMap(tokens.challenge, ({ challenge }) => tokens.useChallenge(challenge))
      yield* TestClock.setTime(10 * 365 * 86_400_000)
      for (let count = 0; count < 10; count++) yield* use
      assert.strictEqual((yield* Effect.flip(use))._tag, "RateLimited")
      yield* TestClock.setTime(1_000)
      yield* use
    }).pipe(Effect.provide(layer(testSecret, 10)))
  )
})
