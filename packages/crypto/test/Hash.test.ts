import { assert, describe, it } from "@effect/vitest"
import * as crypto from "@tidemark/crypto"
import * as protocol from "@tidemark/protocol"

const logId = protocol.LogId.make("AAECAwQFBgcICQoLDA0ODw")
const key = crypto.bytesToPublicKey(new Uint8Array(32).fill(7))
const a = crypto.hashOf(Uint8Array.of(1))
const b = crypto.hashOf(Uint8Array.of(2))

describe("hashes", () => {
  it("CRYPTO-1 every context is its own, and none begins another", () => {
    const contexts = Object.entries(protocol).flatMap(([name, value]) =>
      name.endsWith("Context") && typeof value === "string" ? [value] : []
    )
    assert.strictEqual(contexts.length, 12)
    for (const one of contexts) {
      assert.deepStrictEqual(
        contexts.filter((other) => other.startsWith(one)),
        [one]
      )
    }
    const ids: ReadonlyArray<string> = [crypto.workspaceIdOf(key), crypto.deviceIdOf(key), crypto.grantIdOf(key)]
    assert.strictEqual(new Set(ids).size, 3)
  })

  it("CRYPTO-2 ids and hashes are the ones pinned here", () => {
    assert.deepStrictEqual(
      {
        hash: a,
        workspace: crypto.workspaceIdOf(key),
        device: crypto.deviceIdOf(key),
        grant: crypto.grantIdOf(key),
        catalog: crypto.docIdOf(new Uint8Array(32).fill(3), "catalog"),
        unnamed: crypto.docIdOf(new Uint8Array(32).fill(3), "")
      },
      {
        hash: "S_USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo",
        workspace: "-ZYT97VKmGVSqkTnQ2fo0A",
        device: "_-kwqjS7d150Y-1SEITuMw",
        grant: "UV4fm3vnWwFlMAQN1TP1aQ",
        catalog: "BOENRSyAM9cGPmbe2y_S7A",
        unnamed: "mR2hrDUW_o_-UJEFLemxlQ"
      }
    )
  })

  it("CRYPTO-3 the chain is pinned, and tells order, number and log apart", () => {
    const start = crypto.chainStart(logId)
    assert.strictEqual(start, "g5xPgavxAwEnqetSXE2FQkPAgYeyFxH_BgKqwVJo9v0")
    assert.strictEqual(crypto.chainNext(start, a), "wIdwmDYJAWJ8G5YyaedvZDbTnBkfat1XQfZ43LOjrcs")
    const through = (chain: protocol.Hash, ...entries: ReadonlyArray<protocol.Hash>) =>
      entries.reduce(crypto.chainNext, chain)
    const other = crypto.chainStart(protocol.LogId.make("AAAAAAAAAAAAAAAAAAAAAA"))
    const all = [start, other, through(start, a, b), through(start, b, a), through(start, a, b, b)]
    assert.strictEqual(new Set([...all, through(other, a, b)]).size, 6)
  })
})
