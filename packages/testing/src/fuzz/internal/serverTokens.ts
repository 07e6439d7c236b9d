/** Tokens and challenges as a server with a known secret signs them, with any header, claims and time. */
import { createHmac } from "node:crypto"

/** The server's secret in every target; whoever has it can say anything. */
export const serverSecret = new Uint8Array(32).fill(9)

const keyOf = (use: string): Buffer => createHmac("sha256", serverSecret).update(`tidemark/server/${use}/1`).digest()
const keyId = keyOf("kid").subarray(0, 8).toString("base64url")
const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64url")

/** The header of an honest token, with another algorithm where one is given. */
export const headerText = (alg = "HS256"): string => JSON.stringify({ alg, typ: "JWT", kid: keyId })

/** A token with a right signature over whatever it says. */
export const signToken = (header: string, claims: string): string => {
  const signed = `${base64(header)}.${base64(claims)}`
  return `${signed}.${createHmac("sha256", keyOf("token")).update(signed).digest("base64url")}`
}

/** Claims as the server makes them. Valid for a century, so that they do not depend on today, unless `exp` says else. */
export const claimsText = (claims: {
  readonly workspace: string
  readonly subject: string
  readonly use: "master" | "device" | "access"
  readonly jti: string
  readonly exp?: number
}): string =>
  JSON.stringify({
    ...{ iss: "tidemark", aud: "tidemark/sync/1", sub: claims.subject, jti: claims.jti },
    ...{ iat: 1_700_000_000, exp: claims.exp ?? 4_800_000_000, ws: claims.workspace, use: claims.use }
  })

/** A challenge with a right tag: 8 bytes of time and 16 of randomness. */
export const signChallenge = (body: Uint8Array): string => {
  const tag = createHmac("sha256", keyOf("challenge")).update(body).digest().subarray(0, 16)
  return Buffer.concat([body, tag]).toString("base64url")
}
