/**
 * `ServerApi` over HTTP and a WebSocket: the typed client of protocol's `SyncApi`, and the live socket.
 *
 * Whatever is not an answer of a Tidemark server (no network, a proxy's page, a cut body) is `Unreachable`.
 * Source: docs/wire.md.
 */
import { type Cause, Context, Duration, Effect, Layer, Result, type Schema } from "effect"
import { type HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import { HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import type { Socket } from "effect/socket"
import {
  Authorization,
  decodeDocPage,
  decodePage,
  decodeRosterPage,
  encodePush,
  type Malformed,
  Negotiation,
  protocolHeader,
  protocolVersion,
  Seq,
  SyncApi
} from "@tidemark/protocol"
import { lineBytesPerSecondMin, Unreachable } from "@tidemark/sync"
import { foreignAnswer } from "./internal/foreignAnswer.ts"
import { makeLiveSocket } from "./LiveSocket.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"

/** How long a request that moves so many bytes may take before it counts as unanswered. The engine gives up sooner. */
const requestTimeout = (bytes: number) => Duration.seconds(60 + Math.floor(bytes / lineBytesPerSecondMin))

/** The bearer token of the call that runs. */
const CallToken = Context.Reference<string>("@tidemark/replica/CallToken", { defaultValue: () => "" })

const bearer = HttpApiMiddleware.layerClient(Authorization, ({ next, request }) =>
  Effect.flatMap(CallToken, (token) => next(HttpClientRequest.bearerToken(request, token)))
)
const versionHeader = HttpApiMiddleware.layerClient(Negotiation, ({ next, request }) =>
  next(HttpClientRequest.setHeader(request, protocolHeader, String(protocolVersion)))
)

/** A server's routes. `origin` is scheme, host and port, without a path. */
export const layer = (
  origin: string
): Layer.Layer<ServerApi, never, HttpClient.HttpClient | Socket.WebSocketConstructor> =>
  Layer.effect(ServerApi, makeServerHttp(origin)).pipe(Layer.provide([bearer, versionHeader]))

/** What is no protocol error: no answer, no answer in time, or an answer of somebody else. */
type Foreign = HttpClientError.HttpClientError | Schema.SchemaError | Cause.TimeoutError

const isForeign = (error: { readonly _tag: string }): error is Foreign =>
  ["HttpClientError", "SchemaError", "TimeoutError"].includes(error._tag)

const safe = "Your edits are safe on this device and go out by themselves."

const unreachable = (error: Foreign): Unreachable => {
  if (error._tag === "TimeoutError") return new Unreachable({ message: `The server does not answer. ${safe}` })
  if (error._tag === "SchemaError") return foreignAnswer()
  const response = "response" in error.reason ? error.reason.response : undefined
  return response === undefined
    ? new Unreachable({ message: `The server cannot be reached. ${safe}` })
    : foreignAnswer(response.status)
}

/** A frame of the answer; one that cannot be read is no answer, and says nothing about what was asked. */
const understood = <A>(decoded: Result.Result<A, Malformed>): Effect.Effect<A, Unreachable> =>
  Effect.fromResult(Result.mapError(decoded, () => foreignAnswer()))

/** Bounds a request in time and translates what is no protocol error. */
const request = <A, E extends ServerError>(
  effect: Effect.Effect<A, E | Foreign>,
  bytes = 0
): Effect.Effect<A, ServerError> =>
  effect.pipe(
    Effect.timeout(requestTimeout(bytes)),
    Effect.mapError((error) => (isForeign(error) ? unreachable(error) : error))
  )

const makeServerHttp = Effect.fnUntraced(function* (origin: string) {
  const client = yield* HttpApiClient.make(SyncApi, { baseUrl: origin })
  const socket = yield* makeLiveSocket(`${origin.replace(/^http/, "ws")}/v1/live`)

  const authorized = <A, E extends ServerError>({ token }: Session, effect: Effect.Effect<A, E | Foreign>, bytes = 0) =>
    request(Effect.provideService(effect, CallToken, token), bytes)

  return ServerApi.of({
    challenge: Effect.map(request(client.entrance.challenge({})), ({ challenge }) => challenge),
    found: (payload) => request(client.entrance.found({ payload })),
    renew: ({ workspace, ...payload }) => request(client.entrance.renew({ params: { workspace }, payload })),
    grant: (session, statement) =>
      authorized(session, client.access.grant({ params: { workspace: session.workspace }, payload: { statement } })),
    admit: (session, statement, proof) =>
      authorized(
        session,
        client.access.admit({ params: { workspace: session.workspace }, payload: { statement, proof } })
      ),
    revoke: (session, statement) =>
      authorized(session, client.access.revoke({ params: { workspace: session.workspace }, payload: { statement } })),
    roster: (session, after) =>
      authorized(session, client.access.roster({ params: { workspace: session.workspace }, query: { after } })).pipe(
        Effect.flatMap((bytes) => understood(decodeRosterPage(bytes)))
      ),
    list: (session) => authorized(session, client.access.list({ params: { workspace: session.workspace } })),
    head: (session) => authorized(session, client.log.head({ params: { workspace: session.workspace } })),
    push: (session, entries) => {
      const overHttp = Effect.suspend(() => {
        const payload = encodePush(entries)
        const params = { workspace: session.workspace }
        return authorized(session, client.log.push({ params, payload }), payload.length)
      })
      return socket.push(session, entries, overHttp)
    },
    pull: (session, after, bytesMax) => {
      const query =
        after === undefined
          ? { after: Seq.make(0), bytesMax }
          : { after: after.seq, logId: after.logId, chain: after.chain, bytesMax }
      return authorized(session, client.log.pull({ params: { workspace: session.workspace }, query }), bytesMax).pipe(
        Effect.flatMap((bytes) => understood(decodePage(bytes)))
      )
    },
    doc: (session, { doc, ...from }, bytesMax) => {
      const params = { workspace: session.workspace, doc }
      return authorized(session, client.log.doc({ params, query: { ...from, bytesMax } }), bytesMax).pipe(
        Effect.flatMap((bytes) => understood(decodeDocPage(bytes)))
      )
    },
    refill: (session, done) =>
      authorized(session, client.log.refill({ params: { workspace: session.workspace }, payload: { done } })),
    tail: (session, doc) => authorized(session, client.log.tail({ params: { workspace: session.workspace, doc } })),
    checkpoints: (session) => authorized(session, client.log.checkpoints({ params: { workspace: session.workspace } })),
    nameCheckpoint: (session, payload) =>
      authorized(session, client.log.nameCheckpoint({ params: { workspace: session.workspace }, payload })),
    judgeCheckpoint: (session, payload) =>
      Effect.asVoid(
        authorized(session, client.log.judgeCheckpoint({ params: { workspace: session.workspace }, payload }))
      ),
    report: (session, payload) =>
      Effect.asVoid(authorized(session, client.log.report({ params: { workspace: session.workspace }, payload }))),
    cursors: (session) => authorized(session, client.log.cursors({ params: { workspace: session.workspace } })),
    live: socket.events
  })
})
