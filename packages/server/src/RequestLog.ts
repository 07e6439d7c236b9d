/**
 * One log line a request: method, route, status, milliseconds. Never a query, a header, a body, or a path that is not
 * ours: tokens, keys and content cannot get in [HTTP-4]. Rules: docs/spec/server.md.
 */
import { Cause, Clock, Effect, Exit, Metric } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest } from "effect/http"
import { requestsAnswered } from "./Metrics.ts"

/** Path segments that stand in our routes; any other segment of an API path is an id. */
const ownSegments = new Set([
  "v1",
  "hello",
  "challenges",
  "workspaces",
  "tokens",
  "grants",
  "admissions",
  "revocations",
  "statements",
  "access",
  "head",
  "entries",
  "live",
  "health",
  "metrics",
  "openapi.json"
])

/** The route of a path: `/v1/workspaces/:id/head`; everything that is not the API's is `app`. */
export const routeOf = (url: string): string => {
  const [first, ...rest] = (url.split(/[?#]/)[0] ?? "").split("/").slice(1)
  if (first === undefined || !ownSegments.has(first)) return "app"
  return `/${[first, ...rest.map((segment) => (ownSegments.has(segment) ? segment : ":id"))].join("/")}`
}

/** Logs requests of every route: failures as warnings with their cause, the app's files not at all. */
export const layer = HttpRouter.middleware(
  (route) =>
    Effect.gen(function* () {
      const { method, url } = yield* HttpServerRequest.HttpServerRequest
      const startMillis = yield* Clock.currentTimeMillis
      return yield* Effect.onExit(route, (exit) =>
        Effect.gen(function* () {
          const name = routeOf(url)
          const status = Exit.isSuccess(exit) ? exit.value.status : statusOf(exit.cause)
          yield* Metric.update(Metric.withAttributes(requestsAnswered, { status: `${Math.floor(status / 100)}xx` }), 1)
          if (name === "app") return
          const millis = (yield* Clock.currentTimeMillis) - startMillis
          yield* Effect.logInfo(`${method} ${name} ${status} ${millis} ms`)
          if (Exit.isFailure(exit) && status >= 500)
            yield* Effect.logError(`${method} ${name}: ${defectsOf(exit.cause)}`)
        })
      )
    }),
  { global: true }
)

const statusOf = (cause: Cause.Cause<unknown>): number => {
  if (Cause.hasInterruptsOnly(cause)) return 499
  const error = cause.reasons.find(Cause.isFailReason)?.error
  return HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound" ? 404 : 500
}

/** Names and places of defects, without their messages, which may quote what was sent. */
const defectsOf = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .filter(Cause.isDieReason)
    .map(({ defect }) =>
      defect instanceof Error
        ? `${defect.name} ${(defect.stack ?? "").split("\n").slice(1, 4).join(" ")}`
        : typeof defect
    )
    .join("; ")
