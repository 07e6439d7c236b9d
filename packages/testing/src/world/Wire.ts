/**
 * How a call to the server travels in the World: encoded on one side, decoded on the other, so that nobody shares objects.
 *
 * Frames are the protocol's own; everything else is JSON by the protocol's schemas, as over HTTP.
 */
import { Result, Schema } from "effect"
import {
  AccessList,
  Cursor,
  DeviceCursors,
  DeviceId,
  CheckpointNaming,
  CheckpointVerdict,
  DocId,
  DocTailSize,
  OpenCheckpoint,
  Forbidden,
  Founding,
  LogForked,
  LogHead,
  LogId,
  Malformed,
  Proof,
  PushAnswer,
  QuotaFull,
  RateLimited,
  RefillAnswer,
  RosterMoved,
  RosterNumber,
  Seq,
  SignedCursor,
  StatementRefused,
  StatementText,
  StorageFailed,
  TokenAnswer,
  TooLarge,
  Unauthorized,
  VersionUnsupported,
  WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"

/** What a server answers with when it does not do what was asked. */
export const WireError = Schema.Union([
  Unauthorized,
  Forbidden,
  WorkspaceUnknown,
  LogForked,
  RosterMoved,
  TooLarge,
  StatementRefused,
  VersionUnsupported,
  RateLimited,
  StorageFailed,
  QuotaFull,
  Malformed
])
export type WireError = typeof WireError.Type

/** A request or an answer without anything in it but its frame. */
const nothing = Schema.Struct({})

/** What each route takes and gives, besides frames. */
export const routes = {
  challenge: { request: nothing, answer: Schema.Struct({ challenge: Schema.String }) },
  found: {
    request: Founding,
    answer: Schema.Struct({ ...TokenAnswer.fields, workspace: WorkspaceId, logId: LogId })
  },
  renew: { request: Schema.Struct({ device: DeviceId, proof: Proof }), answer: TokenAnswer },
  grant: {
    request: Schema.Struct({ statement: StatementText }),
    answer: Schema.Struct({ accessToken: Schema.String, number: RosterNumber })
  },
  admit: {
    request: Schema.Struct({ statement: StatementText, proof: Proof }),
    answer: Schema.Struct({ ...TokenAnswer.fields, number: RosterNumber })
  },
  revoke: { request: Schema.Struct({ statement: StatementText }), answer: Schema.Struct({ number: RosterNumber }) },
  roster: { request: Schema.Struct({ after: RosterNumber }), answer: nothing },
  list: { request: nothing, answer: AccessList },
  head: { request: nothing, answer: LogHead },
  push: { request: nothing, answer: PushAnswer },
  pull: {
    request: Schema.Struct({ after: Schema.optionalKey(Cursor), bytesMax: Schema.Int }),
    answer: nothing
  },
  doc: {
    request: Schema.Struct({ doc: DocId, logId: LogId, after: Seq, bytesMax: Schema.Int }),
    answer: nothing
  },
  refill: { request: Schema.Struct({ done: Schema.Boolean }), answer: RefillAnswer },
  tail: { request: Schema.Struct({ doc: DocId }), answer: DocTailSize },
  checkpoints: { request: nothing, answer: Schema.Struct({ open: Schema.Array(OpenCheckpoint) }) },
  nameCheckpoint: { request: CheckpointNaming, answer: Schema.Struct({ named: Schema.Boolean }) },
  judgeCheckpoint: { request: CheckpointVerdict, answer: nothing },
  report: { request: SignedCursor, answer: nothing },
  cursors: { request: nothing, answer: DeviceCursors }
} as const

export type RouteName = keyof typeof routes
export type RequestOf<Name extends RouteName> = (typeof routes)[Name]["request"]["Type"]
export type AnswerOf<Name extends RouteName> = (typeof routes)[Name]["answer"]["Type"]

/** A call on its way to the server. */
export interface WireRequest {
  readonly route: RouteName
  readonly token: string
  readonly workspace: WorkspaceId | undefined
  readonly json: string
  readonly frame: Uint8Array
}

/** An answer on its way back. */
export type WireAnswer =
  | { readonly _tag: "Done"; readonly json: string; readonly frame: Uint8Array }
  | { readonly _tag: "Failed"; readonly json: string }

const noFrame = new Uint8Array(0)

const jsonOf = <A, I>(schema: Schema.Codec<A, I>) => Schema.fromJsonString(Schema.toCodecJson(schema))

const errorJson = jsonOf(WireError)
const encodeError = Schema.encodeSync(errorJson)
const decodeError = Schema.decodeSync(errorJson)

const requestJson = new Map(
  Object.entries(routes).map(([name, { request }]) => [name, jsonOf<object, unknown>(request)])
)
const answerJson = new Map(Object.entries(routes).map(([name, { answer }]) => [name, jsonOf<object, unknown>(answer)]))

const codecOf = (codecs: typeof requestJson, name: RouteName) => {
  const codec = codecs.get(name)
  if (codec === undefined) throw new Error(`no route ${name}`)
  return codec
}

export const encodeRequest = <Name extends RouteName>(
  route: Name,
  session: { readonly token: string; readonly workspace: WorkspaceId | undefined },
  request: RequestOf<Name>,
  frame: Uint8Array = noFrame
): WireRequest => ({
  route,
  token: session.token,
  workspace: session.workspace,
  json: Schema.encodeSync(codecOf(requestJson, route))(request),
  frame: frame.slice()
})

/** The decoded request; the route's codec made it of its text. */
export const decodeRequest = <Name extends RouteName>(route: Name, wire: WireRequest): RequestOf<Name> =>
  Schema.decodeSync(codecOf(requestJson, route))(wire.json) as RequestOf<Name>

export const encodeDone = <Name extends RouteName>(
  route: Name,
  answer: AnswerOf<Name>,
  frame: Uint8Array = noFrame
): WireAnswer => ({
  _tag: "Done",
  json: Schema.encodeSync(codecOf(answerJson, route))(answer),
  frame: frame.slice()
})

export const encodeFailed = (error: WireError): WireAnswer => ({ _tag: "Failed", json: encodeError(error) })

/** What came back: the answer with its frame, or the server's error. */
export const decodeAnswer = <Name extends RouteName>(
  route: Name,
  wire: WireAnswer
): Result.Result<{ readonly answer: AnswerOf<Name>; readonly frame: Uint8Array }, WireError> =>
  wire._tag === "Failed"
    ? Result.fail(decodeError(wire.json))
    : Result.succeed({
        answer: Schema.decodeSync(codecOf(answerJson, route))(wire.json) as AnswerOf<Name>,
        frame: wire.frame
      })
