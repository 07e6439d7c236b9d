/** Import borders hold, and each check notices when they do not. */
import { assert, describe, it } from "@effect/vitest"
import {
  allowedByFolder,
  blindnessProblems,
  importProblems,
  manifestProblems,
  packageOfSpecifier,
  platformProblems
} from "./ImportBorders.ts"
import { lockedDependencies, type Manifest, manifestsOf } from "./Manifest.ts"
import { isSource, readLockfile, tree } from "./Tree.ts"

const manifests = manifestsOf(tree)
const sources = tree.filter(isSource)

const manifest = (folder: string, dependencies: ReadonlyArray<string>, isForNode = false): Manifest => ({
  folder,
  name: `@tidemark/${folder.split("/").at(-1)}`,
  dependencies: Object.fromEntries(dependencies.map((name) => [name, "1.0.0"])),
  versions: [],
  isForNode
})

describe("this repository", () => {
  it("lists only what the table allows", () => assert.deepStrictEqual(manifestProblems(manifests), []))

  it("has no line in the table without a workspace", () => {
    const folders = manifests.map((one) => one.folder)
    assert.deepStrictEqual(
      Object.keys(allowedByFolder).filter((folder) => !folders.includes(folder)),
      []
    )
  })

  it("imports only what it lists", () => assert.deepStrictEqual(importProblems(sources, manifests), []))

  it("keeps sync and server blind to the model and Loro", () =>
    assert.deepStrictEqual(blindnessProblems(manifests, lockedDependencies(readLockfile())), []))

  it("keeps sync and protocol free of a platform", () => assert.deepStrictEqual(platformProblems(sources), []))
})

describe("the checks notice", () => {
  it("a dependency that the table forbids, and a workspace without a line", () => {
    const problems = manifestProblems([
      manifest("packages/sync", ["effect", "@tidemark/model", "dexie"]),
      manifest("packages/new", [])
    ])
    assert.strictEqual(problems.length, 3)
    assert.match(problems[0] ?? "", /lists @tidemark\/model/)
    assert.match(problems[1] ?? "", /lists dexie/)
    assert.match(problems[2] ?? "", /no line/)
  })

  it("every way to write an import", () => {
    const file = {
      path: "packages/sync/src/Push.ts",
      text: [
        'import { Effect } from "effect/Effect"',
        'import type { Seq } from "@tidemark/protocol"',
        'import { own } from "./internal/own.ts"',
        'import { LoroDoc } from "loro-crdt"',
        'export * from "@tidemark/model"',
        'export { readFile } from "node:fs"',
        'const late = await import("dexie")',
        'type Far = import("@scope/far").Far',
        'import { deep } from "../../server/src/Log.ts"',
        'import { bare } from "./Own"',
        'import { self } from "@tidemark/sync"',
        '// import { comment } from "not-code"',
        "const text = 'import x from \"not-code\"'"
      ].join("\n")
    }
    const problems = importProblems([file], [manifest("packages/sync", ["effect", "@tidemark/protocol"])])
    const specifiers = problems.map((problem) => /"(.*)"/.exec(problem)?.[1])
    assert.deepStrictEqual(specifiers, [
      ...["loro-crdt", "@tidemark/model", "node:fs", "dexie", "@scope/far"],
      ...["../../server/src/Log.ts", "./Own", "@tidemark/sync"]
    ])
  })

  it("a file outside any workspace, but not Node's modules in a package for Node", () => {
    const file = { path: "packages/server/src/Log.ts", text: 'import { join } from "node:path"' }
    assert.strictEqual(importProblems([file], []).length, 1)
    assert.deepStrictEqual(importProblems([file], [manifest("packages/server", [], true)]), [])
  })

  it("a way to Loro through a package between", () => {
    const server = manifest("packages/server", ["@tidemark/crypto"])
    const crypto = manifest("packages/crypto", ["lib"])
    const locked = new Map([
      ["lib", ["deep"]],
      ["deep", ["loro-crdt"]]
    ])
    const problems = blindnessProblems([server, crypto], locked)
    assert.strictEqual(problems.length, 1)
    assert.match(problems[0] ?? "", /@tidemark\/server → @tidemark\/crypto → lib → deep → loro-crdt/)
    assert.deepStrictEqual(blindnessProblems([server, crypto], new Map([["lib", ["deep"]]])), [])
  })

  it("the platform where it is used, not where a field has its name", () => {
    const text =
      "const a = fetch('x')\nconst b = new WebSocket('y')\nconst c = window.name\nconst d = { self: 1, fetch: () => 1 }\nd.fetch()"
    assert.strictEqual(platformProblems([{ path: "packages/sync/src/A.ts", text }]).length, 3)
    assert.deepStrictEqual(platformProblems([{ path: "packages/browser/src/A.ts", text }]), [])
  })

  it("the package a specifier belongs to", () => {
    assert.strictEqual(packageOfSpecifier("@effect/sql-pg/PgClient"), "@effect/sql-pg")
    assert.strictEqual(packageOfSpecifier("effect/testing"), "effect")
  })
})
