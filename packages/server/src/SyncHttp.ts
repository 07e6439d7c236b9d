/**
 * `SyncService` over HTTP: adapts the endpoints of `SyncApi`, and nothing else.
 *
 * The version header is checked first, then the token, then the body is read: nobody makes the server buffer a body it
 * would refuse anyway. A request that does not fit the API gets `Malformed`, never an empty answer [HTTP-2].
 * Rules: docs/spec/server.md.
 */
import { Cause, Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiError } from "effect/http-api"
import {
  Authorization,
  bodyBytesMax,
  Caller,
  Malformed,
  Negotiation,
  protocolHeader,
  SyncApi,
  TooLarge,
  Unauthorized
} from "@tidemark/protocol"
import { Health } from "./Health.ts"
import { SyncService } from "./SyncService.ts"

/** Where a request comes from, for the limits of routes that need no token. */
const originOf = (request: HttpServerRequest.HttpServerRequest): string =>
  Option.getOrElse(request.remoteAddress, () => "unknown")

const systemHandlers = HttpApiBuilder.group(
  SyncApi,
  "system",
  Effect.fnUntraced(function* (handlers) {
    const sync = yield* SyncService
    const health = yield* Health
    return handlers.handleAll({
      health: () => Effect.as(health.check, { status: "ok" } as const),
      hello: () => sync.hello
    })
  })
)

const entranceHandlers = HttpApiBuilder.group(
  SyncApi,
  "entrance",
  Effect.fnUntraced(function* (handlers) {
    const sync = yield* SyncService
    return handlers.handleAll({
      challenge: ({ request }) => sync.challenge({ from: originOf(request) }),
      found: ({ payload, request }) => sync.found({ ...payload, from: originOf(request) }),
      renew: ({ params, payload, request }) =>
        sync.renew({ ...payload, workspace: params.workspace, from: originOf(request) })
    })
  })
)

const accessHandlers = HttpApiBuilder.group(
  SyncApi,
  "access",
  Effect.fnUntraced(function* (handlers) {
    const sync = yield* SyncService
    return handlers.handleAll({
      grant: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) => sync.grant({ caller, workspace: params.workspace, ...payload })),
      admit: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) => sync.admit({ caller, workspace: params.workspace, ...payload })),
      revoke: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) => sync.revoke({ caller, workspace: params.workspace, ...payload })),
      roster: ({ params, query }) =>
        Effect.flatMap(Caller, (caller) => sync.roster({ caller, workspace: params.workspace, ...query })),
      list: ({ params }) => Effect.flatMap(Caller, (caller) => sync.list({ caller, workspace: params.workspace }))
    })
  })
)

const logHandlers = HttpApiBuilder.group(
  SyncApi,
  "log",
  Effect.fnUntraced(function* (handlers) {
    const sync = yield* SyncService
    return handlers.handleAll({
      head: ({ params }) => Effect.flatMap(Caller, (caller) => sync.head({ caller, workspace: params.workspace })),
      push: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) => sync.push({ caller, workspace: params.workspace, frame: payload })),
      pull: ({ params, query }) =>
        Effect.flatMap(Caller, (caller) => sync.pull({ caller, workspace: params.workspace, ...query })),
      doc: ({ params, query }) => Effect.flatMap(Caller, (caller) => sync.doc({ caller, ...params, ...query })),
      tail: ({ params }) => Effect.flatMap(Caller, (caller) => sync.tail({ caller, ...params })),
      checkpoints: ({ params }) =>
        Effect.flatMap(Caller, (caller) => sync.checkpoints({ caller, workspace: params.workspace })),
      nameCheckpoint: ({ params, payload: naming }) =>
        Effect.flatMap(Caller, (caller) => sync.nameCheckpoint({ caller, workspace: params.workspace, naming })),
      judgeCheckpoint: ({ params, payload: verdict }) =>
        Effect.flatMap(Caller, (caller) =>
          Effect.as(sync.judgeCheckpoint({ caller, workspace: params.workspace, verdict }), {})
        ),
      refill: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) => sync.refill({ caller, workspace: params.workspace, ...payload })),
      report: ({ params, payload }) =>
        Effect.flatMap(Caller, (caller) =>
          Effect.as(sync.report({ caller, workspace: params.workspace, signed: payload }), {})
        ),
      cursors: ({ params }) => Effect.flatMap(Caller, (caller) => sync.cursors({ caller, workspace: params.workspace }))
    })
  })
)

/** Who asks, by the bearer token. */
const authorization = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const sync = yield* SyncService
    return Authorization.of({
      bearer: Effect.fnUntraced(function* (route, { credential }) {
        const token = Redacted.value(credential)
        if (token === "") return yield* new Unauthorized({ reason: "missing", message: "This route needs a token" })
        const caller = yield* sync.authenticate(token)
        return yield* Effect.provideService(route, Caller, caller)
      })
    })
  })
)

const encodeMalformed = Schema.encodeSync(Malformed)
const encodeTooLarge = Schema.encodeSync(TooLarge)

const malformedAnswer = (what: string, message: string) =>
  HttpServerResponse.jsonUnsafe(encodeMalformed(new Malformed({ what, message })), { status: 400 })

const tooLargeAnswer = HttpServerResponse.jsonUnsafe(
  encodeTooLarge(
    new TooLarge({
      what: "body",
      bytesMax: bodyBytesMax,
      message: `A request's body has at most ${bodyBytesMax} bytes`
    })
  ),
  { status: 413, headers: { connection: "close" } }
)

/** A body that could not be read: longer than announced or allowed, cut short, or not what its content type says. */
const unreadableBody = (error: HttpServerError.HttpServerError) =>
  /maxBytes|too large|exceed/i.test(String(error.reason.cause))
    ? tooLargeAnswer
    : malformedAnswer("body", "This request's body could not be read")

/** The version header first; then whatever does not fit the API gets an answer that says so. */
const negotiation = Layer.effect(
  Negotiation,
  Effect.gen(function* () {
    const sync = yield* SyncService
    return Negotiation.of(
      Effect.fnUntraced(function* (route) {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        yield* sync.checkVersion(headers[protocolHeader])
        if (Number(headers["content-length"] ?? 0) > bodyBytesMax) return tooLargeAnswer
        return yield* route.pipe(
          Effect.catch((error) =>
            HttpApiError.HttpApiSchemaError.is(error)
              ? Effect.succeed(
                  malformedAnswer("request", `This request's ${error.kind.toLowerCase()} does not fit the API`)
                )
              : Effect.fail(error)
          ),
          Effect.catchCause((cause) => {
            const defect = cause.reasons.find(Cause.isDieReason)?.defect
            return HttpServerError.isHttpServerError(defect)
              ? Effect.succeed(unreadableBody(defect))
              : Effect.failCause(cause)
          })
        )
      })
    )
  })
)

/** All routes of `SyncApi`, and `/openapi.json`. */
export const layer = HttpApiBuilder.layer(SyncApi, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([systemHandlers, entranceHandlers, accessHandlers, logHandlers]),
  Layer.provide([authorization, negotiation])
)
