/**
 * Fuzzes HTTP as it comes over a connection to a whole server: routes, headers, JSON and frames, each changed, with
 * lengths that lie. An input is what is sent, byte for byte. An answer 500 is a defect and a finding.
 */
import { encodeStatementBody, Grant, protocolHeader } from "@tidemark/protocol"
import { type FuzzTarget, PromiseBroken, type Verdict } from "../FuzzTarget.ts"
import { hostileBytes, mutateBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { runCryptoWith, signStatement } from "../internal/cryptoWorld.ts"
import { valuesOf } from "../internal/samples.ts"
import { exchange, type ServerUnderFire, serverUnderFire } from "../internal/serverUnderFire.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const megabyte = 1_048_576
/** How long an unfinished request waits for its end, in milliseconds. */
const patienceMillis = 400

/** A request before it is made hostile. */
interface Request {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly _tag: "Json"; readonly text: string }
    | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
}

const none: Request["body"] = { _tag: "Bytes", bytes: new Uint8Array(0) }

const requestsOf = (server: ServerUnderFire, grants: ReadonlyArray<string>): ReadonlyArray<Request> => {
  const { pushes, statements, token, world } = server
  const open = { [protocolHeader]: "1" }
  const named = { ...open, authorization: `Bearer ${token}` }
  const under = `/v1/workspaces/${world.workspace}`
  const get = (path: string, headers: Request["headers"] = named): Request => ({
    method: "GET",
    path,
    headers,
    body: none
  })
  const post = (path: string, json: object, headers: Request["headers"] = named): Request => ({
    ...{ method: "POST", path, headers: { ...headers, "content-type": "application/json" } },
    body: { _tag: "Json", text: JSON.stringify(json) }
  })
  const proof = { challenge: "A".repeat(54), signature: "A".repeat(86) }
  return [
    ...["/health", "/v1/hello", "/openapi.json", "/metrics", "/v1/live", "/", "/assets/x.js"].map((path) =>
      get(path, {})
    ),
    post("/v1/challenges", {}, open),
    ...statements.map((_, count) =>
      post("/v1/workspaces", { statements: statements.slice(0, count + 1), device: world.owner.device, proof }, open)
    ),
    ...[true, false].map((done) => post(`${under}/refills`, { done })),
    post(`${under}/cursors`, {
      cursor: { logId: world.workspace, seq: 1, chain: "A".repeat(43) },
      signature: proof.signature
    }),
    post(`${under}/tokens`, { device: world.owner.device, proof }, open),
    ...[...statements, ...grants].map((statement) => post(`${under}/grants`, { statement })),
    ...statements.map((statement) => post(`${under}/admissions`, { statement, proof })),
    ...statements.map((statement) => post(`${under}/revocations`, { statement })),
    ...["/statements?after=0", "/statements?after=1", "/access", "/head", "/cursors"].map((path) =>
      get(`${under}${path}`)
    ),
    ...["after=0", "after=0&bytesMax=1", `after=1&logId=${world.workspace}&chain=${"A".repeat(43)}`].map((query) =>
      get(`${under}/entries?${query}`)
    ),
    ...pushes.map((bytes): Request => ({
      ...{
        method: "POST",
        path: `${under}/entries`,
        headers: { ...named, "content-type": "application/octet-stream" }
      },
      body: { _tag: "Bytes", bytes }
    }))
  ]
}

const hostileParts = [
  ...["..", "%00", "%ff", "%", "%2f", "//", "?", "#", "*", "after=", "after=-1", "after=1e9", "after=9007199254740993"],
  ...["bytesMax=0", "bytesMax=99999999999", "after[]=1", "__proto__", "A".repeat(2_000), "&&&", "\t", "\u00e9"]
]
const hostileValues = [
  ...[
    "",
    "0",
    "-1",
    "99999999999999999999",
    "1e3",
    "Bearer",
    "Bearer ",
    "Basic QQ==",
    "gzip",
    "chunked",
    "100-continue"
  ],
  ...["application/json; charset=utf-16", "multipart/form-data; boundary=x", "text/plain", "\u00ff", "A".repeat(9_000)]
]
const hostileNames = [
  ...["transfer-encoding", "content-encoding", "content-length", "expect", "upgrade", "host", "origin", "range"],
  ...["authorization", "content-type", protocolHeader, "traceparent", "b3", "x-forwarded-for", "te", "cookie"]
]

const changedPath = (random: SeededRandom, path: string): string => {
  const at = random.below(path.length + 1)
  const part = random.chance(0.5) ? (random.pick(hostileParts) ?? "") : String.fromCharCode(33 + random.below(90))
  return path.slice(0, at) + part + path.slice(at + random.below(4))
}

/** The request as bytes. `length` is what it says of its body, which need not be true. */
const bytesOf = (request: Request, body: Uint8Array, length: number, extra: ReadonlyArray<string>): Uint8Array => {
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    ...["host: 127.0.0.1", "connection: close", `content-length: ${length}`],
    ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`),
    ...extra
  ]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body])
}

const hostileBody = (random: SeededRandom, { body }: Request): Uint8Array => {
  if (body._tag === "Bytes") return random.chance(0.8) ? mutateBytes(random, body.bytes) : body.bytes
  if (random.chance(0.1)) return hostileBytes(random, [Buffer.from(body.text)])
  return Buffer.from(random.chance(0.1) ? body.text : mutateJson(random, body.text))
}

const hostileRequest = (random: SeededRandom, requests: ReadonlyArray<Request>): Uint8Array => {
  const picked = random.pick(requests)
  if (picked === undefined) return new Uint8Array(0)
  const request = {
    ...picked,
    method: random.chance(0.95)
      ? picked.method
      : (random.pick(["PUT", "OPTIONS", "HEAD", "DELETE", "get", "M-SEARCH"]) ?? ""),
    path: random.chance(0.75) ? picked.path : changedPath(random, picked.path)
  }
  const body = hostileBody(random, picked)
  const length = random.chance(0.97) ? body.length : (random.pick([0, 1, body.length - 1, 4_300_000, 2 ** 53]) ?? 0)
  const extra = Array.from({ length: random.chance(0.8) ? 0 : random.between(1, 4) }, () => {
    return `${random.pick(hostileNames)}: ${random.pick(hostileValues)}`
  })
  const bytes = bytesOf(request, body, length, extra)
  return random.chance(0.93) ? bytes : mutateBytes(random, bytes, random.between(1, 3))
}

/** The statuses of the answers that came. */
const statusesIn = (received: Buffer): ReadonlyArray<number> =>
  [...received.toString("latin1").matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]))

const verdictOf = (received: Buffer): Verdict => {
  const statuses = statusesIn(received)
  if (statuses.includes(500)) {
    throw new PromiseBroken(
      `http: the server answered 500, which is a defect\n${received.toString("latin1").slice(0, 300)}`
    )
  }
  return statuses.some((status) => status >= 200 && status < 300) ? "accepted" : "refused"
}

export const httpWire: FuzzTarget = {
  name: "http",
  weight: 16,
  inputsPerProcess: 20_000,
  limits: { cpuMillisMax: 3_000, memoryBytesMax: 128 * megabyte },
  prepare: async (random) => {
    const server = await serverUnderFire(random)
    const bodies = await valuesOf(Grant, random, 20)
    const { secret } = server.world.owner
    const grants = bodies.map((body) =>
      runCryptoWith(random)(signStatement(secret, encodeStatementBody(body))).toString("base64url")
    )
    const requests = requestsOf(server, grants)
    return {
      input: (one) => hostileRequest(one, requests),
      run: async (input) => verdictOf(await exchange(server.port, input, patienceMillis, () => false)),
      close: server.close
    }
  }
}
