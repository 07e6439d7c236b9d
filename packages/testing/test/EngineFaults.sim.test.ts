/** The deliberate faults of the engine, one by one, in a process of their own. Rules: docs/spec/world.md. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const program = join(import.meta.dirname, "..", "src", "bin", "simFaults.ts")

const run = (...flags: ReadonlyArray<string>) => spawnSync(process.execPath, [program, ...flags], { encoding: "utf8" })

describe("sim:faults", () => {
  it("WORLD-13 each deliberate fault is caught, and nothing fails without it", () => {
    const { status, stdout } = run()
    assert.strictEqual(status, 0, stdout)
    assert.strictEqual(stdout.match(/caught by seed \d+/g)?.length, 3)
    assert.strictEqual(stdout.match(/without the fault: nothing/g)?.length, 3)
  })

  it("WORLD-13 a number of seeds that is none is refused in a sentence", () => {
    const { status, stderr } = run("--seeds", "none")
    assert.strictEqual(status, 1)
    assert.include(stderr, "--seeds takes a whole number")
  })
})
