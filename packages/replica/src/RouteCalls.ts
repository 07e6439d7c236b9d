/**
 * Asks a server by the routes of protocol's `SyncRoutes`: one typed function a route, over `fetch`.
 *
 * Whatever is not an answer that the route may give (no network, a proxy's page, a cut or endless body, an error of another
 * route) is `Unreachable` under its cause [REPLICA-20]. Nothing is retried here.
 */
import { Context, Duration, Effect, Result, Schema } from "effect"
import {
  answerBytesMax,
  authorizationErrors,
  frameBody,
  negotiationErrors,
  protocolHeader,
  protocolVersion,
  type SyncRoute
} from "@tidemark/protocol"
import { lineBytesPerSecondMin, Unreachable } from "@tidemark/sync"
import { boundedBody, leaveBody } from "./internal/boundedBody.ts"
import { foreignAnswer, safe } from "./internal/foreignAnswer.ts"

/** How requests are sent: by the platform's own `fetch`, where no other is given. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>
export const Fetch = Context.Reference<Fetch>("@tidemark/replica/Fetch", {
  defaultValue: () => (url, init) => globalThis.fetch(url, init)
})

/** How long a request that moves so many bytes may take before it counts as unanswered. The engine gives up sooner. */
const requestTimeout = (bytes: number) => Duration.seconds(60 + Math.floor(bytes / lineBytesPerSecondMin))

/** What a route is asked with. `token`: shown where there is one; `bytes`: how many move, either way, beyond a handful. */
export type Asked<Route extends SyncRoute> = PartsOf<Pick<Route, keyof Route & ("params" | "query" | "payload")>> & {
  readonly token?: string
  readonly bytes?: number
}

type PartsOf<Parts> = {
  readonly [Name in keyof Parts]: Parts[Name] extends Schema.Top
    ? Parts[Name]["Type"]
    : Parts[Name] extends Schema.Struct.Fields
      ? Schema.Struct.Type<Parts[Name]>
      : never
}

/** A route's own errors, those of what stands before it, and no usable answer at all. */
export type CallError<Route extends SyncRoute> =
  | (NonNullable<Route["error"]> | typeof authorizationErrors | typeof negotiationErrors)[number]["Type"]
  | Unreachable

export type RouteCall<Route extends SyncRoute> = (
  asked: Asked<Route>
) => Effect.Effect<Route["success"]["Type"], CallError<Route>>

/** The same, for whichever route. */
interface AskedAny {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly payload?: unknown
  readonly token?: string
  readonly bytes?: number
}

/** One function a route. */
export type RouteCalls<Routes extends Readonly<Record<string, SyncRoute>>> = {
  readonly [Name in keyof Routes]: RouteCall<Routes[Name]>
}

/** Makes the functions that ask one server. `origin` is scheme, host and port, without a path. */
export const makeRouteCalls = Effect.fnUntraced(function* (origin: string) {
  const fetch = yield* Fetch
  return <const Routes extends Readonly<Record<string, SyncRoute>>>(routes: Routes): RouteCalls<Routes> =>
    // What comes out of a call was read by the schemas that its type is made of.
    Object.fromEntries(
      Object.entries(routes).map(([name, route]) => [name, callOf(fetch, origin, route)])
    ) as unknown as RouteCalls<Routes>
})

const callOf = (fetch: Fetch, origin: string, route: SyncRoute) => {
  const bodyOf = bodyWriter(route)
  const readingOf = answerReader(route)
  return (asked: AskedAny): Effect.Effect<unknown, unknown> =>
    Effect.gen(function* () {
      const init = { method: route.method, headers: headersOf(route, asked), body: yield* bodyOf(asked.payload) }
      return yield* exchange(fetch, `${origin}${addressOf(route, asked)}`, init, (status) =>
        readingOf(status, asked.token !== undefined)
      )
    }).pipe(
      Effect.timeoutOrElse({
        duration: requestTimeout(asked.bytes ?? 0),
        orElse: () => Effect.fail(new Unreachable({ message: `The server does not answer. ${safe}` }))
      })
    )
}

/** Frames go as they are, everything else as JSON. */
const codecOf = (schema: SyncRoute["success"]) =>
  schema === frameBody ? schema : Schema.fromJsonString(Schema.toCodecJson(schema))

const bodyWriter = ({ payload }: SyncRoute) => {
  if (payload === undefined) return () => Effect.succeed(null)
  const encode = Schema.encodeUnknownResult(codecOf(payload))
  return (value: unknown) =>
    Effect.fromResult(
      Result.mapBoth(encode(value), { onSuccess: (body) => body as BodyInit, onFailure: () => foreignAnswer() })
    )
}

const headersOf = ({ payload }: SyncRoute, { token }: AskedAny): Record<string, string> => ({
  [protocolHeader]: String(protocolVersion),
  ...(payload && { "content-type": payload === frameBody ? "application/octet-stream" : "application/json" }),
  ...(token === undefined ? undefined : { authorization: `Bearer ${token}` })
})

const addressOf = ({ path }: SyncRoute, { params = {}, query = {} }: AskedAny): string => {
  const told = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  const place = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""))
  return told.length === 0 ? place : `${place}?${new URLSearchParams(told)}`
}

/** What a body means: the answer, or the error in it. */
type Reading = (body: Uint8Array) => Effect.Effect<unknown, unknown>

/** How the body of an answer of each status is read; undefined: the route never answers so. */
const answerReader = ({ error = [], success }: SyncRoute) => {
  const understood = (schema: SyncRoute["success"], status?: number) => {
    const decode = Schema.decodeUnknownResult(codecOf(schema))
    return (body: Uint8Array) =>
      Effect.fromResult(
        Result.mapError(decode(schema === frameBody ? body : new TextDecoder().decode(body)), () =>
          foreignAnswer(status)
        )
      )
  }
  const answer: Reading = understood(success)
  return (status: number, hasToken: boolean): Reading | undefined => {
    if (status === 200) return answer
    const errors = [...error, ...negotiationErrors, ...(hasToken ? authorizationErrors : [])].filter(
      ({ ast }) => ast.annotations?.["httpApiStatus"] === status
    )
    if (errors.length === 0) return undefined
    return (body) => Effect.flatMap(understood(Schema.Union(errors), status)(body), Effect.fail)
  }
}

/** Sends a request and reads its answer. An interruption ends both. */
const exchange = (
  fetch: Fetch,
  url: string,
  init: RequestInit,
  readingOf: (status: number) => Reading | undefined
): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    let status: number | undefined
    return Effect.tryPromise({
      try: async (signal) => {
        const answer = await fetch(url, { ...init, signal })
        status = answer.status
        const reading = readingOf(status)
        if (reading === undefined) {
          leaveBody(answer)
          return Effect.fail(foreignAnswer(status))
        }
        const body = await boundedBody(answer, answerBytesMax)
        return body === undefined ? Effect.fail(foreignAnswer(status)) : reading(body)
      },
      catch: () =>
        status === undefined
          ? new Unreachable({ message: `The server cannot be reached. ${safe}` })
          : foreignAnswer(status)
    })
  }).pipe(Effect.flatten)
