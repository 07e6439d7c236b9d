/**
 * Fuzzes what a device hears from a server, or from whatever answers in its place: HTTP answers of every route, and the
 * live socket's frames after the hello. Each must become a value or one of the port's own errors.
 *
 * An input is a byte that picks the route, then for HTTP a byte for the status, one for the content type, and the body;
 * for the live socket frames of kind (0 text, 1 bytes, 2 the close), length (2 bytes) and content.
 */
import { Context, Effect, Layer, Result, Schema, Stream } from "effect"
import { Socket } from "effect/socket"
import {
  AccessList,
  bytesToId,
  DeviceCursors,
  DocId,
  encodeDocPage,
  encodePage,
  encodeRosterPage,
  encodeServerMessage,
  GoodbyeError,
  LogHead,
  LogId,
  PushAnswer,
  RefillAnswer,
  RosterNumber,
  Seq,
  ServerMessage,
  TokenAnswer,
  WorkspaceId
} from "@tidemark/protocol"
import { Fetch, ServerApi, ServerHttp } from "@tidemark/replica"
import type { SeededRandom } from "../../SeededRandom.ts"
import { type FuzzTarget, plainLimits, PromiseBroken } from "../FuzzTarget.ts"
import { mutateBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { chunk, cursorOf, valuesOf } from "../internal/samples.ts"

const workspace = WorkspaceId.make(bytesToId(new Uint8Array(16).fill(1)))
const session = { workspace, token: "token" }
const logId = LogId.make(workspace)
const doc = DocId.make(workspace)
const bytesMax = 100_000
const liveRoute = 255

const statuses = [200, 200, 200, 200, 204, 302, 400, 401, 403, 404, 409, 413, 422, 426, 429, 500, 502, 503, 507]
const contentTypes = ["application/json", "application/octet-stream", "text/html", "", "application/json; charset=x"]

/** What the port may fail with. */
const ownErrors = new Set([
  ...["Unreachable", "Unauthorized", "Forbidden", "WorkspaceUnknown", "LogForked", "RosterMoved", "TooLarge"],
  ...["StatementRefused", "VersionUnsupported", "RateLimited", "StorageFailed", "QuotaFull", "Malformed"]
])

type Api = ServerApi["Service"]

/** Every route that hears something worth reading. */
const routes: ReadonlyArray<(api: Api) => Effect.Effect<unknown, { readonly _tag: string }>> = [
  (api) => api.challenge,
  (api) => api.head(session),
  (api) => api.push(session, [new Uint8Array(3)]),
  (api) => api.refill(session, false),
  (api) => api.list(session),
  (api) => api.cursors(session),
  (api) => api.roster(session, RosterNumber.make(0)),
  (api) => api.pull(session, undefined, bytesMax),
  (api) => api.doc(session, { doc, logId, after: Seq.make(0) }, bytesMax)
]

/** The transport of one input: an HTTP answer, and the frames of a socket. */
interface Said {
  status: number
  contentType: string
  body: Uint8Array
  frames: ReadonlyArray<string | Uint8Array | undefined>
}

/** A socket that is open at once, says its frames when it is spoken to, and closes. */
class SpokenSocket extends EventTarget {
  readonly readyState = 1
  readonly frames: Said["frames"]
  hasSpoken = false

  constructor(frames: Said["frames"]) {
    super()
    this.frames = frames
  }

  send(): void {
    if (this.hasSpoken) return
    this.hasSpoken = true
    queueMicrotask(() => {
      for (const frame of this.frames) {
        if (frame === undefined) break
        const data = typeof frame === "string" ? frame : Uint8Array.from(frame).buffer
        this.dispatchEvent(new MessageEvent("message", { data }))
      }
      this.dispatchEvent(new CloseEvent("close", { code: 1_006 }))
    })
  }

  close(): void {}
}

const clientOf = async (said: Said): Promise<Api> => {
  const answer = async () =>
    new Response([204, 304].includes(said.status) ? null : Uint8Array.from(said.body), {
      status: said.status,
      headers: said.contentType === "" ? {} : { "content-type": said.contentType }
    })
  const layer = ServerHttp.layer("http://server.example").pipe(
    Layer.provide([
      Layer.succeed(Fetch, answer),
      Layer.succeed(Socket.WebSocketConstructor, () => new SpokenSocket(said.frames))
    ])
  )
  return Context.get(await Effect.runPromise(Effect.scoped(Layer.build(layer))), ServerApi)
}

const framesOf = (bytes: Uint8Array): Said["frames"] => {
  const frames: Array<string | Uint8Array | undefined> = []
  const all = Buffer.from(bytes)
  for (let at = 0; at + 3 <= all.length;) {
    const end = at + 3 + all.readUInt16BE(at + 1)
    const content = all.subarray(at + 3, end)
    const kind = all[at]
    frames.push(kind === 0 ? content.toString("utf8") : kind === 1 ? Uint8Array.from(content) : undefined)
    at = end
  }
  return frames
}

const frame = (kind: number, content: Uint8Array): Buffer => {
  const bounded = content.subarray(0, 65_535)
  const header = Buffer.from([kind, 0, 0])
  header.writeUInt16BE(bounded.length, 1)
  return Buffer.concat([header, bounded])
}

/** Honest answers by route, JSON as text and frames as bytes. */
const honestAnswers = async (random: SeededRandom) => {
  const json = async <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
    const encode = Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(schema)))
    return (await valuesOf(schema, random, 20)).map((value) => encode(value))
  }
  const Challenge = Schema.Struct({ challenge: Schema.String, expiresInMillis: Schema.Int })
  const schemas = [Challenge, LogHead, PushAnswer, RefillAnswer, AccessList, DeviceCursors] as const
  const texts = await Promise.all(schemas.map((schema) => json<Schema.Codec<unknown, unknown>>(schema)))
  const items = [1, 2, 3].map((seq) => ({ _tag: "Entry", seq: Seq.make(seq), bytes: chunk(random) }) as const)
  const page = encodePage({
    after: Seq.make(0),
    through: { ...cursorOf(random), seq: Seq.make(3) },
    head: Seq.make(3),
    items
  })
  const docPage = encodeDocPage({ logId, doc, after: Seq.make(0), through: Seq.make(3), head: Seq.make(3), items })
  const roster = encodeRosterPage({
    after: RosterNumber.make(0),
    statements: [chunk(random)]
  })
  return {
    bodies: [
      ...texts.map((all) => all.map((text) => Buffer.from(text))),
      ...[roster, page, docPage].map((bytes) => [Buffer.from(bytes)])
    ],
    errors: [...(await json(GoodbyeError)), ...(await json(TokenAnswer))],
    page,
    messages: (await valuesOf(ServerMessage, random, 40)).map((message) => encodeServerMessage(message))
  }
}

type Honest = Awaited<ReturnType<typeof honestAnswers>>

const hostileText = (random: SeededRandom, text: string): Buffer =>
  random.chance(0.8)
    ? Buffer.from(random.chance(0.2) ? text : mutateJson(random, text))
    : Buffer.from(mutateBytes(random, Buffer.from(text)))

const hostileHttp = (random: SeededRandom, { bodies, errors }: Honest): Uint8Array => {
  const route = random.below(routes.length)
  const honest = random.pick(random.chance(0.9) ? (bodies[route] ?? []) : bodies.flat()) ?? Buffer.of()
  const isError = random.chance(0.3)
  const isText = honest[0] === 0x7b
  const body = isError
    ? hostileText(random, random.pick(errors) ?? "{}")
    : isText
      ? hostileText(random, honest.toString("utf8"))
      : random.chance(0.15)
        ? honest
        : mutateBytes(random, honest)
  const status = isError ? random.below(256) : random.below(random.chance(0.8) ? 4 : 256)
  const type = random.chance(0.8) ? (isText || isError ? 0 : 1) : random.below(contentTypes.length)
  return Buffer.concat([Buffer.from([route, status, type]), body])
}

const hostileLive = (random: SeededRandom, { messages, page }: Honest): Uint8Array => {
  const frames = Array.from({ length: random.between(1, 6) }, () => {
    const kind = random.weighted({ text: 6, page: 4, close: 0.3 })
    if (kind === "close") return frame(2, Buffer.of())
    if (kind === "text") return frame(random.chance(0.95) ? 0 : 1, hostileText(random, random.pick(messages) ?? "{}"))
    return frame(random.chance(0.95) ? 1 : 0, random.chance(0.3) ? page : mutateBytes(random, page))
  })
  return Buffer.concat([Buffer.of(liveRoute), ...frames])
}

export const serverAnswer: FuzzTarget = {
  name: "server answer",
  weight: 15,
  inputsPerProcess: 20_000,
  limits: plainLimits,
  prepare: async (random) => {
    const honest = await honestAnswers(random)
    const said: Said = { status: 200, contentType: "", body: new Uint8Array(0), frames: [] }
    const api = await clientOf(said)
    return {
      input: (one) => (one.chance(0.6) ? hostileHttp(one, honest) : hostileLive(one, honest)),
      run: async (input) => {
        const [route = 0, status = 0, type = 0] = input
        said.status = statuses[status % statuses.length] ?? 200
        said.contentType = contentTypes[type % contentTypes.length] ?? ""
        said.body = input.subarray(3)
        said.frames = framesOf(input.subarray(1))
        const heard =
          route === liveRoute
            ? Effect.scoped(Stream.runCount(api.live(session)))
            : (routes[route % routes.length] ?? (() => api.challenge))(api)
        const answer: Result.Result<unknown, { readonly _tag: string }> = await Effect.runPromise(Effect.result(heard))
        if (Result.isSuccess(answer)) return "accepted"
        const { _tag } = answer.failure
        if (!ownErrors.has(_tag)) throw new PromiseBroken(`the port fails with ${_tag}, which it does not name`)
        return "refused"
      }
    }
  }
}
