import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeDeviceSecret, makeProof, Primitives, publicKeysOf, verifyProof } from "@tidemark/crypto"
import { WorkspaceId } from "@tidemark/protocol"

const workspace = WorkspaceId.make("-ZYT97VKmGVSqkTnQ2fo0A")

describe("proofs", () => {
  it.effect("PROOF-1 a proof holds for its key, action, workspace and challenge, and for no other", () =>
    Effect.gen(function* () {
      const secret = yield* makeDeviceSecret
      const publicKey = (yield* publicKeysOf(secret)).signing
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
    }).pipe(Effect.provide(Primitives.layerWebCrypto))
  )

  it.effect("PROOF-1 a proof made by another implementation (OpenSSL) from the pinned layout holds", () =>
    Effect.gen(function* () {
      const secret = { signingSeed: new Uint8Array(32).fill(1), agreementSeed: new Uint8Array(32).fill(2) }
      const publicKey = (yield* publicKeysOf(secret)).signing
      const claim = { action: "renew", workspace, challenge: "a challenge" } as const
      const signature = "2e33cU4nKzsniRVIgF_Nr2A5lv4g4ZDqe2kcprIFakv-Y48YB1MpXx6eKr97WHAS0kvzlRNdzHw2X04GexO8DA"
      assert.deepStrictEqual(yield* makeProof({ secret, ...claim }), { challenge: claim.challenge, signature })
      assert.isTrue(yield* verifyProof({ publicKey, ...claim, proof: { challenge: claim.challenge, signature } }))
    }).pipe(Effect.provide(Primitives.layerWebCrypto))
  )
})
