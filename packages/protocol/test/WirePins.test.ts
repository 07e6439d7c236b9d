/**
 * The bytes on the wire, pinned beside the protocol version. A difference here means another version of the protocol:
 * raise `protocolVersion`, add a line to its history and to docs/wire.md, and only then change the pin.
 */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { OpenApi } from "effect/http-api"
import {
  type ClientMessage,
  ClientMessage as ClientMessageSchema,
  decodeClientMessage,
  decodeServerMessage,
  DeviceSeq,
  encodeClientMessage,
  encodeDocPage,
  encodeHeader,
  encodeLivePush,
  encodePage,
  encodePush,
  encodePushAnswered,
  encodeRosterPage,
  encodeSealedBody,
  encodeServerMessage,
  encodeStatementBody,
  negotiateVersion,
  protocolRange,
  protocolVersion,
  RosterNumber,
  Seq,
  ServerMessage as ServerMessageSchema,
  type ServerMessage,
  SyncApi,
  RateLimited,
  WorkspaceUnknown
} from "@tidemark/protocol"
import { bytesFrom, cursor, docPage, hash, header, logId, page, statements, workspace } from "./samples.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 32)

const clientMessages: ReadonlyArray<ClientMessage> = [
  { _tag: "Hello", protocol: protocolRange, token: "token", workspace },
  { _tag: "Ping" }
]
const serverMessages: ReadonlyArray<ServerMessage> = [
  { _tag: "Welcome", protocol: 1, log: { logId, head: Seq.make(9), chain: hash, roster: RosterNumber.make(2) } },
  {
    _tag: "PushAnswered",
    request: 7,
    answer: {
      logId,
      head: Seq.make(9),
      results: [
        { _tag: "Stored", deviceSeq: DeviceSeq.make(4), seq: Seq.make(9), chain: hash },
        { _tag: "ItemRefused", deviceSeq: DeviceSeq.make(5), reason: "quotaFull", message: 'full: "10"' }
      ]
    }
  },
  { _tag: "PushRefused", request: 8, error: new RateLimited({ retryAfterMillis: 5, message: "wait" }) },
  { _tag: "Behind", head: Seq.make(9) },
  { _tag: "RosterMoved", number: RosterNumber.make(3) },
  { _tag: "CursorsMoved" },
  { _tag: "Pong" },
  { _tag: "Goodbye", error: new WorkspaceUnknown({ message: "gone" }) }
]

describe(`protocol version ${protocolVersion}`, () => {
  it("WIRE-1 binary layouts", () => {
    const push = [bytesFrom(0, 3), bytesFrom(7, 2)]
    assert.deepStrictEqual(
      {
        header: hex(encodeHeader(header)),
        body: hex(encodeSealedBody({ codec: 1, compression: 0, itemBytes: 4, seen: cursor, body: bytesFrom(5, 4) })),
        push: hex(encodePush(push)),
        livePush: hex(encodeLivePush({ request: 258, entries: push })),
        page: hex(encodePage(page)),
        docPage: hex(encodeDocPage(docPage)),
        roster: hex(encodeRosterPage({ after: RosterNumber.make(4), statements: push })),
        statements: statements.map((body) => sha256(hex(encodeStatementBody(body))))
      },
      {
        header:
          "0101010051525354555657583132333435363738393a3b3c3d3e3f401112131415161718191a1b1c1d1e1f2000000001000000050000000300010002a1a2a3a4a5a6a7a8a9aaabac00000000",
        body: "0100000000040000000400000000000000076162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f804142434445464748494a4b4c4d4e4f50050607080000000000000000000000000000000000000000000000000000",
        push: "0101000200000003000102000000020708",
        livePush: "0501000001020101000200000003000102000000020708",
        page: "020100034142434445464748494a4b4c4d4e4f500000000000000005000000000000000900000000000000096162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80010000000000000006000000050001020304020000000000000007000000026162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f800300000000000000096162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8002000000030001020000000103",
        docPage:
          "040100024142434445464748494a4b4c4d4e4f503132333435363738393a3b3c3d3e3f400000000000000005000000000000000800000000000000090100000000000000060000000500010203040300000000000000086162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8002000000030001020000000103",
        roster: "030100020000000400000003000102000000020708",
        statements: [
          "4fc9a3f03bc061de9c5e631e1f003ec3",
          "ea40957feb587bc69730bc9305b84e9c",
          "ddb90432b1aac32c8a08b5b99811bbaf",
          "eb4403b273b64b70f6e9425aff943cb3"
        ]
      }
    )
  })

  it("WIRE-1 messages", () => {
    assert.deepStrictEqual(
      [
        ...clientMessages.map((message) => encodeClientMessage(message)),
        ...serverMessages.map((message) => encodeServerMessage(message))
      ],
      [
        '{"_tag":"Hello","protocol":{"min":1,"max":1},"token":"token","workspace":"AQIDBAUGBwgJCgsMDQ4PEA"}',
        '{"_tag":"Ping"}',
        '{"_tag":"Welcome","protocol":1,"log":{"logId":"QUJDREVGR0hJSktMTU5PUA","head":9,"chain":"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4A","roster":2}}',
        '{"_tag":"PushAnswered","request":7,"answer":{"logId":"QUJDREVGR0hJSktMTU5PUA","head":9,"results":[' +
          '{"_tag":"Stored","deviceSeq":4,"seq":9,"chain":"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4A"},' +
          '{"_tag":"ItemRefused","deviceSeq":5,"reason":"quotaFull","message":"full: \\"10\\""}]}}',
        '{"_tag":"PushRefused","request":8,"error":{"_tag":"RateLimited","retryAfterMillis":5,"message":"wait"}}',
        '{"_tag":"Behind","head":9}',
        '{"_tag":"RosterMoved","number":3}',
        '{"_tag":"CursorsMoved"}',
        '{"_tag":"Pong"}',
        '{"_tag":"Goodbye","error":{"_tag":"WorkspaceUnknown","message":"gone"}}'
      ]
    )
  })

  it("WIRE-1 the schemas of the API and of the live socket", () => {
    const schemas = {
      api: OpenApi.fromApi(SyncApi),
      client: Schema.toJsonSchemaDocument(ClientMessageSchema),
      server: Schema.toJsonSchemaDocument(ServerMessageSchema)
    }
    assert.strictEqual(sha256(JSON.stringify(schemas)), "79da884ded81ff0a02ea37739fdaa34c")
  })

  it("MESSAGE-2 the answer to a push is the same text whichever way it is written", () => {
    const answered = serverMessages.filter((message) => message._tag === "PushAnswered")
    assert.isNotEmpty(answered)
    for (const message of answered) {
      assert.strictEqual(encodePushAnswered(message.request, message.answer), encodeServerMessage(message))
    }
  })

  it("MESSAGE-1 messages are read back, and other texts are errors", () => {
    for (const message of clientMessages)
      assert.deepStrictEqual(Result.getOrThrow(decodeClientMessage(encodeClientMessage(message))), message)
    for (const message of serverMessages)
      assert.deepStrictEqual(Result.getOrThrow(decodeServerMessage(encodeServerMessage(message))), message)
    for (const text of ["", "{", "null", '{"_tag":"Other"}', '{"_tag":"Hello"}', 7, undefined]) {
      assert.isTrue(Result.isFailure(decodeClientMessage(text)))
      assert.isTrue(Result.isFailure(decodeServerMessage(text)))
    }
  })

  it("VERSION-1 the highest common version, or none", () => {
    assert.strictEqual(negotiateVersion({ min: 1, max: 4 }, { min: 2, max: 3 }), 3)
    assert.strictEqual(negotiateVersion({ min: 1, max: 2 }, { min: 2, max: 9 }), 2)
    assert.isUndefined(negotiateVersion({ min: 1, max: 1 }, { min: 2, max: 9 }))
    assert.isUndefined(negotiateVersion({ min: 3, max: 4 }, { min: 1, max: 2 }))
  })
})
