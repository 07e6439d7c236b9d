import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeDeviceSecret, makeProof, Primitives, publicKeysOf, verifyProof } from "@tidemark/crypto"
import { WorkspaceId } from "@tidemark/protocol"

describe("proofs", () => {
  it.effect("PROOF-1 a proof holds for its key, action, workspace and challenge, and for no other", () =>
    Effect.gen(function* () {
      const secret = yield* makeDeviceSecret
      const publicKey = (yield* publicKeysOf(secret)).signing
      const workspace = WorkspaceId.make("-ZYT97VKmGVSqkTnQ2fo0A")
      const claim = { publicKey, action: "renew", workspace, challenge: "a challenge" } as const
      const proof = yield* makeProof({ secret, ...claim })
      assert.isTrue(yield* verifyProof({ ...claim, proof }))
      const stranger = (yield* publicKeysOf(yield* makeDeviceSecret)).signing
      const changes = [
        { publicKey: stranger },
        { action: "admit" as const },
        { workspace: WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA") },
        { challenge: "another challenge" },
        { proof: { ...proof, challenge: "another challenge" } },
        { challenge: "another challenge", proof: { ...proof, challenge: "another challenge" } },
        { proof: { ...proof, signature: "A".repeat(86) } },
        { proof: { ...proof, signature: "A" } },
        { proof: { ...proof, signature: "" } }
      ]
      for (const change of changes) {
        assert.isFalse(yield* verifyProof({ ...claim, proof, ...change }), JSON.stringify(change))
      }
      // What ends one field cannot begin the next: the action's length is signed too.
      const shifted = yield* makeProof({ secret, ...claim, challenge: "" })
      assert.isFalse(yield* verifyProof({ ...claim, proof: shifted }))
    }).pipe(Effect.provide(Primitives.layerWebCrypto))
  )
})
