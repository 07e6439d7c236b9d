/** Reports of a cursor: what is signed, and what is not. Rules: docs/spec/receipts.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { deviceIdOf, makeDeviceSecret, Primitives, publicKeysOf, signCursor, verifyCursor } from "@tidemark/crypto"
import { bytesToId, Hash, LogId, Seq, type SignedCursor, WorkspaceId } from "@tidemark/protocol"

const id = (fill: number, size = 16) => bytesToId(new Uint8Array(size).fill(fill))

describe("a signed cursor", () => {
  it.effect("CURSOR-1 verifies as it was signed, and not with anything changed", () =>
    Effect.gen(function* () {
      const workspace = WorkspaceId.make(id(1))
      const secret = yield* makeDeviceSecret
      const { signing: publicKey } = yield* publicKeysOf(secret)
      const device = deviceIdOf(publicKey)
      const cursor = { logId: LogId.make(id(2)), seq: Seq.make(2 ** 40 + 7), chain: Hash.make(id(3, 32)) }
      const signed = yield* signCursor({ secret, workspace, device, cursor })
      const whose = { workspace, device, publicKey }
      assert.isTrue(yield* verifyCursor({ ...whose, signed }))
      const changed: ReadonlyArray<SignedCursor> = [
        { ...signed, cursor: { ...cursor, seq: Seq.make(cursor.seq + 1) } },
        { ...signed, cursor: { ...cursor, seq: Seq.make(7) } },
        { ...signed, cursor: { ...cursor, logId: LogId.make(id(4)) } },
        { ...signed, cursor: { ...cursor, chain: Hash.make(id(4, 32)) } },
        { ...signed, signature: `${signed.signature.startsWith("A") ? "B" : "A"}${signed.signature.slice(1)}` },
        { ...signed, signature: "A".repeat(86) }
      ]
      for (const other of changed) assert.isFalse(yield* verifyCursor({ ...whose, signed: other }))
      const stranger = yield* publicKeysOf(yield* makeDeviceSecret)
      for (const other of [
        { ...whose, workspace: WorkspaceId.make(id(5)) },
        { ...whose, device: deviceIdOf(stranger.signing) },
        { ...whose, publicKey: stranger.signing }
      ]) {
        assert.isFalse(yield* verifyCursor({ ...other, signed }))
      }
    }).pipe(Effect.provide(Primitives.layerWebCrypto))
  )
})
