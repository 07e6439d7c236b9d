/**
 * Tokens and challenges: who asks, proven by this server's own signature.
 *
 * A token is a JWT, HS256 and nothing else, with `kid`, `iss`, `aud`, `sub`, `jti`, `iat` and `exp` [TOKEN-1]. It names a
 * workspace and a device (or a grant); rights are not in it: they are looked up in the roster at every request, so a
 * revocation needs no token to end. Losing the secret signs nobody out: a device renews by its signature.
 * Challenges are stateless, expire, and are used at most once per process. Rules: docs/spec/tokens.md.
 */
import { Clock, Context, Effect, Layer, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { Primitives } from "@tidemark/crypto"
import {
  bytesToId,
  challengeMillisMax,
  DeviceId,
  GrantId,
  RateLimited,
  tokenMillis,
  Unauthorized,
  WorkspaceId
} from "@tidemark/protocol"
import jwt from "jsonwebtoken"
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto"

const issuer = "tidemark"
const audience = "tidemark/sync/1"
/** The only algorithm ever accepted. */
const algorithm = "HS256"
/** How far two servers' clocks may differ, in seconds. */
const clockToleranceSeconds = 30
/** Answered challenges remembered at once; each is forgotten when it expires. */
const usedChallengeCountMax = 100_000
/** Bytes of a challenge: time, randomness, and the first half of an HMAC. */
const challengeBytes = { time: 8, random: 16, tag: 16 } as const

/** What a token is for: `master` and `device` for devices, `access` stands behind a link and only admits. */
export const TokenUse = Schema.Literals(["master", "device", "access"])
export type TokenUse = typeof TokenUse.Type

/** Whom a token names. */
export const TokenSubject = Schema.Union([
  Schema.TaggedStruct("Device", { device: DeviceId }),
  Schema.TaggedStruct("Grant", { grant: GrantId })
])
export type TokenSubject = typeof TokenSubject.Type

/** The claims of a verified token. Times are epoch seconds, as JWT has them. */
const Claims = Schema.Struct({
  iss: Schema.Literal(issuer),
  aud: Schema.Literal(audience),
  sub: Schema.String,
  jti: Schema.String.check(Schema.isMinLength(8)),
  iat: Schema.Int,
  exp: Schema.Int,
  ws: WorkspaceId,
  use: TokenUse
})
const decodeClaims = Schema.decodeUnknownResult(Claims)

/** What a token says once it is verified. */
export interface VerifiedToken {
  readonly workspace: WorkspaceId
  readonly use: TokenUse
  readonly subject: TokenSubject
  readonly expiresAtMillis: number
}

export class Tokens extends Context.Service<
  Tokens,
  {
    /** A token for a device, `tokenMillis` long. */
    readonly issueDevice: (
      workspace: WorkspaceId,
      device: DeviceId,
      use: "master" | "device"
    ) => Effect.Effect<{ readonly token: string; readonly expiresInMillis: number }>
    /** The token that goes into a link; it lasts as long as its grant. */
    readonly issueAccess: (workspace: WorkspaceId, grant: GrantId, expiresAtMillis: number) => Effect.Effect<string>
    /** Verifies signature, algorithm, key, times and claims. `expired` or `forged`; says nothing of revocation. */
    readonly verify: (token: string) => Effect.Effect<VerifiedToken, Unauthorized>
    /** A new challenge. */
    readonly challenge: Effect.Effect<{ readonly challenge: string; readonly expiresInMillis: number }>
    /** Accepts an answered challenge once: ours, not expired, not used before in this process. */
    readonly useChallenge: (challenge: string) => Effect.Effect<void, Unauthorized | RateLimited>
  }
>()("@tidemark/server/Tokens") {
  /** Over a secret of at least 32 bytes (`DataFolder.secret`); remembers so many used challenges at once. */
  static readonly layer = (secret: Redacted.Redacted<Uint8Array>, usedCountMax = usedChallengeCountMax) =>
    Layer.effect(Tokens, makeTokens(secret, usedCountMax))
}

/** Epoch seconds; never 0, which jsonwebtoken takes for "not given" and replaces by its own clock. */
const toSeconds = (millis: number): number => Math.max(1, Math.floor(millis / 1_000))

const forged = (message: string) => new Unauthorized({ reason: "forged", message })

const subjectText = (subject: TokenSubject): string =>
  subject._tag === "Device" ? `device:${subject.device}` : `grant:${subject.grant}`

const decodeSubject = Schema.decodeUnknownResult(TokenSubject)

const subjectOf = (text: string): TokenSubject | undefined => {
  const [kind, id] = text.split(":")
  const subject = decodeSubject(kind === "device" ? { _tag: "Device", device: id } : { _tag: "Grant", grant: id })
  return Result.isSuccess(subject) ? subject.success : undefined
}

/** Two keys from the secret, so that a challenge's tag can never stand for a token's. */
const keysOf = (secret: Redacted.Redacted<Uint8Array>) => {
  const bytes = Redacted.value(secret)
  const derive = (use: string) => createHmac("sha256", bytes).update(`tidemark/server/${use}/1`).digest()
  return {
    token: createSecretKey(derive("token")),
    challenge: derive("challenge"),
    kid: derive("kid").subarray(0, 8).toString("base64url")
  }
}

const makeTokens = (secret: Redacted.Redacted<Uint8Array>, usedCountMax: number) =>
  Effect.gen(function* () {
    const primitives = yield* Primitives
    const keys = keysOf(secret)
    const usedMadeMillis = new Map<string, number>()

    const sign = Effect.fnUntraced(function* (
      workspace: WorkspaceId,
      subject: TokenSubject,
      use: TokenUse,
      nowMillis: number,
      expiresAtMillis: number
    ) {
      const jti = bytesToId(yield* primitives.randomBytes(16))
      const times = { iat: toSeconds(nowMillis), exp: Math.ceil(expiresAtMillis / 1_000) }
      const claims = { iss: issuer, aud: audience, sub: subjectText(subject), jti, ...times, ws: workspace, use }
      return jwt.sign(claims, keys.token, { algorithm, keyid: keys.kid })
    })

    /** The payload of a token that this server signed and that has not expired. */
    const verifySignature = (token: string, nowMillis: number): Result.Result<unknown, Unauthorized> => {
      try {
        const { header, payload } = jwt.verify(token, keys.token, {
          algorithms: [algorithm],
          issuer,
          audience,
          clockTimestamp: toSeconds(nowMillis),
          clockTolerance: clockToleranceSeconds,
          complete: true
        })
        return header.kid === keys.kid
          ? Result.succeed(payload)
          : Result.fail(forged("This token was signed with a key this server does not have; renew it"))
      } catch (cause) {
        return Result.fail(
          cause instanceof jwt.TokenExpiredError
            ? new Unauthorized({ reason: "expired", message: "This token has expired; renew it" })
            : forged("This token was not signed by this server; renew it")
        )
      }
    }

    const verify = Effect.fn("Tokens.verify")(function* (token: string) {
      const now = yield* Clock.currentTimeMillis
      const payload = yield* Effect.fromResult(verifySignature(token, now))
      const claims = decodeClaims(payload)
      const subject = Result.isSuccess(claims) ? subjectOf(claims.success.sub) : undefined
      if (Result.isFailure(claims) || subject === undefined) return yield* forged("This token lacks a claim; renew it")
      const { exp, iat, use, ws: workspace } = claims.success
      // Made by a clock that was ahead; a link's token ends with its grant, and nobody could renew it [TOKEN-7].
      if (use !== "access" && iat - toSeconds(now) > clockToleranceSeconds) {
        return yield* new Unauthorized({ reason: "expired", message: "This token is of another time; renew it" })
      }
      if ((use === "access") !== (subject._tag === "Grant")) return yield* forged("This token is for another use")
      return { workspace, use, subject, expiresAtMillis: exp * 1_000 }
    })

    const tagOf = (body: Uint8Array) =>
      createHmac("sha256", keys.challenge).update(body).digest().subarray(0, challengeBytes.tag)

    const challenge = Effect.gen(function* () {
      const body = new Uint8Array(challengeBytes.time + challengeBytes.random)
      new DataView(body.buffer).setBigUint64(0, BigInt(yield* Clock.currentTimeMillis))
      body.set(yield* primitives.randomBytes(challengeBytes.random), challengeBytes.time)
      return {
        challenge: Base64Url.encode(new Uint8Array([...body, ...tagOf(body)])),
        expiresInMillis: challengeMillisMax
      }
    })

    const refuseChallenge = (message: string) => new Unauthorized({ reason: "challenge", message })

    /** When a challenge of ours was made, epoch milliseconds. */
    const madeAt = (text: string): number | undefined => {
      const bytes = Base64Url.decode(text)
      const size = challengeBytes.time + challengeBytes.random
      if (Result.isFailure(bytes) || bytes.success.length !== size + challengeBytes.tag) return undefined
      const body = bytes.success.subarray(0, size)
      if (!timingSafeEqual(tagOf(body), bytes.success.subarray(size))) return undefined
      return Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0))
    }

    /** Whether a challenge made then is accepted now, as far as its time goes; one of a time to come is not. */
    const isInTime = (madeMillis: number, nowMillis: number): boolean =>
      nowMillis - madeMillis <= challengeMillisMax && madeMillis - nowMillis <= clockToleranceSeconds * 1_000

    /**
     * Challenges are used roughly in the order of their making, so the oldest stand first. After the clock was set back
     * those of the time before stand there, and must not stay until it comes again [TOKEN-7].
     */
    const forgetExpired = (nowMillis: number): void => {
      for (const [used, madeMillis] of usedMadeMillis) {
        if (isInTime(madeMillis, nowMillis)) return
        usedMadeMillis.delete(used)
      }
    }

    const useChallenge = Effect.fn("Tokens.useChallenge")(function* (text: string) {
      const made = madeAt(text)
      if (made === undefined)
        return yield* refuseChallenge("This challenge was not made by this server; ask for another")
      const now = yield* Clock.currentTimeMillis
      if (!isInTime(made, now)) return yield* refuseChallenge("This challenge has expired; ask for another")
      if (usedMadeMillis.has(text)) return yield* refuseChallenge("This challenge was used before; ask for another")
      forgetExpired(now)
      if (usedMadeMillis.size >= usedCountMax) {
        return yield* new RateLimited({ retryAfterMillis: 10_000, message: "Too many devices ask for tokens at once" })
      }
      usedMadeMillis.set(text, made)
    })

    return Tokens.of({
      issueDevice: Effect.fn("Tokens.issueDevice")(function* (workspace, device, use) {
        const now = yield* Clock.currentTimeMillis
        const token = yield* sign(workspace, { _tag: "Device", device }, use, now, now + tokenMillis)
        return { token, expiresInMillis: tokenMillis }
      }),
      issueAccess: Effect.fn("Tokens.issueAccess")(function* (workspace, grant, expiresAtMillis) {
        const now = yield* Clock.currentTimeMillis
        return yield* sign(workspace, { _tag: "Grant", grant }, "access", now, expiresAtMillis)
      }),
      verify,
      challenge,
      useChallenge
    })
  })
