/** The fuzzer itself: shares, mutations, and that it sees what goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { SeededRandom } from "../src/SeededRandom.ts"
import { type FuzzTarget, plainLimits, type Verdict } from "../src/fuzz/FuzzTarget.ts"
import { mutateBytes } from "../src/fuzz/MutateBytes.ts"
import { mutateJson } from "../src/fuzz/MutateJson.ts"
import { jobsOf, sharesOf } from "../src/fuzz/Plan.ts"
import { inputOf, prepareTarget, runStretch } from "../src/fuzz/RunTarget.ts"
import { targets } from "../src/fuzz/Targets.ts"
import { layoutTarget } from "../src/fuzz/internal/layoutTarget.ts"
import { xxHash32 } from "../src/fuzz/internal/xxHash32.ts"

const targetOf = (run: (input: Uint8Array) => Verdict | Promise<Verdict>, limits = plainLimits): FuzzTarget => ({
  name: "made up",
  weight: 1,
  inputsPerProcess: 10,
  limits,
  prepare: () => Promise.resolve({ input: (random) => random.bytes(1 + random.below(8)), run })
})

const stretch = { seed: "test", from: 0, to: 60 }
const kindsOf = async (target: FuzzTarget) => (await runStretch(target, stretch)).findings.map(({ kind }) => kind)

describe("what a run sees", () => {
  it("a throw and a rejection, once for each message, with the input", async () => {
    const throws = (input: Uint8Array): Verdict => {
      if (input[0] === undefined || input[0] % 2 === 0) throw new RangeError("even")
      return "accepted"
    }
    const report = await runStretch(targetOf(throws), stretch)
    assert.deepStrictEqual(
      report.findings.map(({ kind }) => kind),
      ["threw"]
    )
    assert.strictEqual(report.findingCount + report.counts.accepted, 60)
    const [finding] = report.findings
    assert.throws(() => throws(Buffer.from(finding?.input ?? "", "base64")), /even/)
    assert.deepStrictEqual(await kindsOf(targetOf((input) => Promise.resolve(throws(input)))), ["threw"])
    assert.deepStrictEqual(await kindsOf(targetOf(async (input) => throws(input))), ["threw"])
  })

  it("a rejection that nobody waits for, from the process around it", async () => {
    const strays = ["lost"]
    const report = await runStretch(
      targetOf(() => "accepted"),
      stretch,
      { takeStrays: () => strays.splice(0) }
    )
    assert.deepStrictEqual(
      report.findings.map(({ index, kind, message }) => [kind, index, message]),
      [["rejected", 0, "lost"]]
    )
  })

  it("an input that costs too much time or memory", async () => {
    const busy = (): Verdict => {
      const start = process.cpuUsage().user
      while (process.cpuUsage().user - start < 5_000);
      return "accepted"
    }
    const slow = await runStretch(targetOf(busy, { ...plainLimits, cpuMillisMax: 2 }), { ...stretch, to: 5 })
    assert.deepStrictEqual([slow.findings.map(({ kind }) => kind), slow.findingCount], [["slow"], 5])
    // More than the process ever had: what it has now, and what it has given back since its highest.
    const hungry = (): Verdict => {
      const headroom = process.resourceUsage().maxRSS * 1_024 - process.memoryUsage.rss()
      return Buffer.alloc(headroom + 48_000_000, 1).length > 0 ? "accepted" : "refused"
    }
    const report = await runStretch(targetOf(hungry, { ...plainLimits, memoryBytesMax: 8_000_000 }), {
      ...stretch,
      to: 1
    })
    assert.deepStrictEqual(
      report.findings.map(({ kind }) => kind),
      ["hungry"]
    )
  })

  it("a decoder whose value does not survive being encoded", async () => {
    const lossy = layoutTarget<number>({
      name: "lossy",
      weight: 1,
      decode: (bytes) => (bytes.length > 1 ? Result.succeed(bytes[0] ?? 0) : Result.fail("short")),
      encode: (value) => Uint8Array.of(value & 0x7f, 0),
      samples: () => [new Uint8Array(4)]
    })
    assert.match((await runStretch(lossy, stretch)).findings[0]?.message ?? "", /changes the value/)
  })
})

/** Those that open a port or a file are run by the slice. */
const withIo = ["http", "live socket", "stored rows"]

describe("inputs", () => {
  it("every target makes the same input of the same seed and index, whatever ran before", async () => {
    for (const target of targets.filter(({ name }) => !withIo.includes(name))) {
      const [first, second] = [await prepareTarget(target, "same"), await prepareTarget(target, "same")]
      await inputOf(target, first, "same", 1)
      const inputs = [await inputOf(target, first, "same", 7), await inputOf(target, second, "same", 7)]
      assert.deepStrictEqual(Buffer.from(inputs[0] ?? []), Buffer.from(inputs[1] ?? []), target.name)
      await first.close?.()
      await second.close?.()
    }
  }, 20_000)

  it("mutations leave the sample alone and keep JSON what it is", () => {
    const sample = Uint8Array.from({ length: 200 }, (_, index) => index)
    const kept = Uint8Array.from(sample)
    const text = JSON.stringify({ a: [1, { b: "x" }], c: -2.5, d: null })
    const random = new SeededRandom("mutations")
    const changed = new Set<string>()
    for (let made = 0; made < 500; made++) {
      changed.add(Buffer.from(mutateBytes(random, sample)).toString("hex"))
      assert.doesNotThrow(() => JSON.parse(mutateJson(random, text)))
    }
    assert.deepStrictEqual(sample, kept)
    assert.isAbove(changed.size, 490)
  })

  it("the checksum is XXH32", () => {
    const ascii = (text: string) => new TextEncoder().encode(text)
    assert.strictEqual(xxHash32(ascii(""), 0), 0x02cc5d05)
    assert.strictEqual(xxHash32(ascii("abc"), 0), 0x32d153ff)
    assert.strictEqual(xxHash32(ascii("Nobody inspects the spammish repetition"), 0), 0xe2293b2f)
  })
})

describe("a plan", () => {
  it("gives out every input, each once, none to a process too many", () => {
    const shares = sharesOf(targets, 1_000_000)
    assert.strictEqual(
      [...shares.values()].reduce((sum, share) => sum + share, 0),
      1_000_000
    )
    for (const target of targets) {
      const jobs = jobsOf(targets, shares).filter((job) => job.target === target.name)
      let next = 0
      for (const job of jobs) {
        assert.strictEqual(job.from, next)
        assert.isAtMost(job.to - job.from, target.inputsPerProcess)
        next = job.to
      }
      assert.strictEqual(next, shares.get(target.name))
    }
  })

  it("leaves no target out, however few inputs there are", () => {
    assert.isTrue([...sharesOf(targets, 3).values()].every((share) => share >= 1))
  })
})
