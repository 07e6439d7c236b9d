/** No dead links, and the checks notice one. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { anchorOf, linkProblems, namedPageProblems } from "./Links.ts"
import { tree } from "./Tree.ts"

const root = join(import.meta.dirname, "..", "..")

describe("this repository", () => {
  it("has no dead link in a page", () =>
    assert.deepStrictEqual(
      linkProblems(tree, (path) => existsSync(join(root, path))),
      []
    ))

  it("names no page that is not there", () => assert.deepStrictEqual(namedPageProblems(tree), []))
})

describe("the checks notice", () => {
  const nothing = () => false

  it("a missing file, a missing heading, a missing definition", () => {
    const pages = [
      {
        path: "README.md",
        text: "[a](docs/wire.md) [b](docs/gone.md) [c](docs/wire.md#no-such)\n\n[d]: docs/lost.md\n"
      },
      {
        path: "docs/wire.md",
        text: "# The wire\n\n[up](../README.md) [top](#the-wire) [far](https://example.org/x.md)"
      }
    ]
    assert.deepStrictEqual(
      linkProblems(pages, nothing).map((problem) => problem.split(" ")[3]),
      ["docs/gone.md,", "docs/wire.md#no-such,", "docs/lost.md,"]
    )
  })

  it("no links in code, and what exists without being text", () => {
    const page = {
      path: "README.md",
      text: "`[a](gone.md)`\n\n```md\n[b](gone.md)\n```\n[c](docs/picture.png) [d](docs)"
    }
    assert.strictEqual(linkProblems([page], nothing).length, 2)
    assert.deepStrictEqual(
      linkProblems([page], (path) => path === "docs/picture.png" || path === "docs"),
      []
    )
  })

  it("a page named in a docstring", () => {
    const file = { path: "packages/sync/src/Push.ts", text: "/** Rules: docs/spec/push.md. */" }
    assert.strictEqual(namedPageProblems([file]).length, 1)
    assert.deepStrictEqual(namedPageProblems([file, { path: "docs/spec/push.md", text: "" }]), [])
  })

  it("anchors as they are made from headings", () => {
    assert.strictEqual(anchorOf("What it is, and `what` it promises"), "what-it-is-and-what-it-promises")
  })
})
