/** What a power cut leaves of a simulated disk. Rules: docs/spec/world.md. */
import { assert, describe, it } from "@effect/vitest"
import { type Batch, MemoryDisk } from "@tidemark/sync"
import { SeededRandom } from "../src/SeededRandom.ts"
import { RelaxedCommits, type StoreKind } from "../src/world/RelaxedCommits.ts"

/** A commit that puts a name under `last` and one of its own. */
const naming = (name: string): Batch => ({
  meta: new Map([
    ["last", name],
    [name, name]
  ])
})

type Step = readonly [mode: "strict" | "relaxed", batch: Batch]

/** The names that are left, for many power cuts after the same commits. */
const leftAfter = (kind: StoreKind, steps: ReadonlyArray<Step>): ReadonlySet<string> => {
  const left = new Set<string>()
  for (let cut = 0; cut < 60; cut++) {
    const relaxed = new RelaxedCommits(kind)
    const disk = new MemoryDisk()
    for (const [mode, batch] of steps) {
      const request = mode === "relaxed" ? ({ relaxed: true } as const) : {}
      relaxed.begins(disk, request)
      disk.apply(batch)
      relaxed.committed(batch, request)
    }
    const { meta } = relaxed.cut(disk, new SeededRandom(`cut ${cut}`))
    left.add([...meta.keys()].filter((key) => key !== "last").join(" "))
    assert.strictEqual(relaxed.count, 0)
  }
  return left
}

const strictThenRelaxed: ReadonlyArray<Step> = [
  ["strict", naming("a")],
  ["relaxed", naming("b")],
  ["relaxed", naming("c")]
]

describe("RelaxedCommits", () => {
  it("WORLD-18 a power cut leaves the strict commits and the first few of the relaxed ones after them, each whole", () => {
    assert.deepStrictEqual(leftAfter("sqlite", strictThenRelaxed), new Set(["a", "a b", "a b c"]))
  })

  it("WORLD-18 a strict commit covers the relaxed ones before it, and one that wrote nothing does not", () => {
    assert.deepStrictEqual(leftAfter("sqlite", [...strictThenRelaxed, ["strict", naming("d")]]), new Set(["a b c d"]))
    const after = leftAfter("sqlite", [...strictThenRelaxed, ["strict", { updates: [], meta: new Map() }]])
    assert.deepStrictEqual(after, new Set(["a", "a b", "a b c"]))
  })

  it("WORLD-18 a store whose every commit is strict loses nothing", () => {
    assert.deepStrictEqual(leftAfter("indexedDb", strictThenRelaxed), new Set(["a b c"]))
  })
})
