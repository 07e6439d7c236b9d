/**
 * `ServerApi` over HTTP and a WebSocket: protocol's `SyncRoutes`, and the live socket.
 *
 * Whatever is not an answer of a Tidemark server (no network, a proxy's page, a cut body) is `Unreachable`.
 * Source: docs/wire.md.
 */
import { Effect, Layer, Result } from "effect"
import type { Socket } from "effect/socket"
import {
  decodeDocPage,
  decodePage,
  decodeRosterPage,
  encodePush,
  type Malformed,
  Seq,
  syncRoutes
} from "@tidemark/protocol"
import type { Unreachable } from "@tidemark/sync"
import { foreignAnswer } from "./internal/foreignAnswer.ts"
import { makeLiveSocket } from "./LiveSocket.ts"
import { makeRouteCalls } from "./RouteCalls.ts"
import { ServerApi, type Session } from "./ServerApi.ts"

/** A server's routes. `origin` is scheme, host and port, without a path. */
export const layer = (origin: string): Layer.Layer<ServerApi, never, Socket.WebSocketConstructor> =>
  Layer.effect(ServerApi, makeServerHttp(origin))

/** A frame of the answer; one that cannot be read is no answer, and says nothing about what was asked. */
const understood = <A>(decoded: Result.Result<A, Malformed>): Effect.Effect<A, Unreachable> =>
  Effect.fromResult(Result.mapError(decoded, () => foreignAnswer()))

/** What every request of a member carries. */
const from = ({ token, workspace }: Session) => ({ token, params: { workspace } })

const makeServerHttp = Effect.fnUntraced(function* (origin: string) {
  const callsOf = yield* makeRouteCalls(origin)
  const entrance = callsOf(syncRoutes.entrance)
  const access = callsOf(syncRoutes.access)
  const log = callsOf(syncRoutes.log)
  const socket = yield* makeLiveSocket(`${origin.replace(/^http/, "ws")}/v1/live`)

  return ServerApi.of({
    challenge: Effect.map(entrance.challenge({}), (answer) => answer.challenge),
    found: (payload) => entrance.found({ payload }),
    renew: ({ workspace, ...payload }) => entrance.renew({ params: { workspace }, payload }),
    grant: (session, statement) => access.grant({ ...from(session), payload: { statement } }),
    admit: (session, statement, proof) => access.admit({ ...from(session), payload: { statement, proof } }),
    revoke: (session, statement) => access.revoke({ ...from(session), payload: { statement } }),
    roster: (session, after) =>
      Effect.flatMap(access.roster({ ...from(session), query: { after } }), (bytes) =>
        understood(decodeRosterPage(bytes))
      ),
    list: (session) => access.list(from(session)),
    head: (session) => log.head(from(session)),
    push: (session, entries) => {
      const overHttp = Effect.suspend(() => {
        const payload = encodePush(entries)
        return log.push({ ...from(session), payload, bytes: payload.length })
      })
      return socket.push(session, entries, overHttp)
    },
    pull: (session, after, bytesMax) => {
      const query =
        after === undefined
          ? { after: Seq.make(0), bytesMax }
          : { after: after.seq, logId: after.logId, chain: after.chain, bytesMax }
      return Effect.flatMap(log.pull({ ...from(session), query, bytes: bytesMax }), (bytes) =>
        understood(decodePage(bytes))
      )
    },
    doc: ({ token, workspace }, { doc: id, ...place }, bytesMax) => {
      const asked = { params: { workspace, doc: id }, query: { ...place, bytesMax } }
      return Effect.flatMap(log.doc({ token, ...asked, bytes: bytesMax }), (bytes) => understood(decodeDocPage(bytes)))
    },
    refill: (session, done) => log.refill({ ...from(session), payload: { done } }),
    tail: ({ token, workspace }, id) => log.tail({ token, params: { workspace, doc: id } }),
    checkpoints: (session) => log.checkpoints(from(session)),
    nameCheckpoint: (session, payload) => log.nameCheckpoint({ ...from(session), payload }),
    judgeCheckpoint: (session, payload) => Effect.asVoid(log.judgeCheckpoint({ ...from(session), payload })),
    report: (session, payload) => Effect.asVoid(log.report({ ...from(session), payload })),
    cursors: (session) => log.cursors(from(session)),
    live: socket.events
  })
})
