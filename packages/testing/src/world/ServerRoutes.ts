/** Answers a request of the World's network with the real server's service, as its HTTP adapter would. */
import { Effect } from "effect"
import { protocolVersion, Seq, Unauthorized, type WorkspaceId, WorkspaceUnknown } from "@tidemark/protocol"
import type { SyncService } from "@tidemark/server"
import {
  type AnswerOf,
  decodeRequest,
  encodeDone,
  encodeFailed,
  type RequestOf,
  type RouteName,
  type WireAnswer,
  type WireError,
  type WireRequest
} from "./Wire.ts"

/** What a route gives: an answer, a frame, or both. */
interface Given<Name extends RouteName> {
  readonly answer: AnswerOf<Name>
  readonly frame?: Uint8Array
}

type Answering = {
  readonly [Name in RouteName]: (
    service: SyncService["Service"],
    wire: WireRequest,
    request: RequestOf<Name>
  ) => Effect.Effect<Given<Name>, WireError>
}

/** Who asks, and the workspace of the path. */
const asked = Effect.fnUntraced(function* (service: SyncService["Service"], wire: WireRequest) {
  if (wire.token === "") return yield* new Unauthorized({ reason: "missing", message: "This route needs a token" })
  return { caller: yield* service.authenticate(wire.token), workspace: yield* named(wire.workspace) }
})

const named = (workspace: WorkspaceId | undefined) =>
  workspace === undefined
    ? Effect.fail(new WorkspaceUnknown({ message: "The path names no workspace" }))
    : Effect.succeed(workspace)

const plain = <A, E>(effect: Effect.Effect<A, E>) => Effect.map(effect, (answer) => ({ answer }))
const framed = <E>(effect: Effect.Effect<Uint8Array, E>) => Effect.map(effect, (frame) => ({ answer: {}, frame }))

/** Where every request comes from, for limits by address. */
const from = "world"

const answering: Answering = {
  challenge: (service) => plain(service.challenge({ from })),
  found: (service, _wire, request) => plain(service.found({ ...request, from })),
  renew: (service, wire, request) =>
    Effect.flatMap(named(wire.workspace), (workspace) => plain(service.renew({ ...request, workspace, from }))),
  grant: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.grant({ ...who, ...request }))),
  admit: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.admit({ ...who, ...request }))),
  revoke: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.revoke({ ...who, ...request }))),
  roster: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => framed(service.roster({ ...who, ...request }))),
  list: (service, wire) => Effect.flatMap(asked(service, wire), (who) => plain(service.list(who))),
  head: (service, wire) => Effect.flatMap(asked(service, wire), (who) => plain(service.head(who))),
  push: (service, wire) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.push({ ...who, frame: wire.frame }))),
  pull: (service, wire, { after, bytesMax }) =>
    Effect.flatMap(asked(service, wire), (who) =>
      framed(
        service.pull({
          ...who,
          after: after?.seq ?? Seq.make(0),
          logId: after?.logId,
          chain: after?.chain,
          bytesMax
        })
      )
    ),
  doc: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => framed(service.doc({ ...who, ...request }))),
  refill: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.refill({ ...who, ...request }))),
  tail: (service, wire, request) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.tail({ ...who, ...request }))),
  checkpoints: (service, wire) =>
    Effect.flatMap(asked(service, wire), (who) => plain(Effect.map(service.checkpoints(who), (open) => ({ open })))),
  nameCheckpoint: (service, wire, naming) =>
    Effect.flatMap(asked(service, wire), (who) => plain(service.nameCheckpoint({ ...who, naming }))),
  judgeCheckpoint: (service, wire, verdict) =>
    Effect.flatMap(asked(service, wire), (who) => plain(Effect.as(service.judgeCheckpoint({ ...who, verdict }), {}))),
  report: (service, wire, signed) =>
    Effect.flatMap(asked(service, wire), (who) => plain(Effect.as(service.report({ ...who, signed }), {}))),
  cursors: (service, wire) => Effect.flatMap(asked(service, wire), (who) => plain(service.cursors(who)))
}

const answerRoute = <Name extends RouteName>(
  service: SyncService["Service"],
  route: Name,
  wire: WireRequest
): Effect.Effect<WireAnswer, WireError> =>
  Effect.map(answering[route](service, wire, decodeRequest(route, wire)), ({ answer, frame }) =>
    encodeDone(route, answer, frame)
  )

/** The answer to a request, whatever it is; never fails. */
export const answerRequest = (service: SyncService["Service"], wire: WireRequest): Effect.Effect<WireAnswer> =>
  service.checkVersion(String(protocolVersion)).pipe(
    Effect.andThen(answerRoute(service, wire.route, wire)),
    Effect.catch((error) => Effect.succeed(encodeFailed(error)))
  )
