import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import {
  decodeFragment,
  decodeLink,
  encodeFragment,
  encodeLink,
  type Link,
  linkKeysOf,
  Primitives
} from "@tidemark/crypto"
import { WorkspaceId } from "@tidemark/protocol"
import { noise } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const link: Link = {
  origin: "https://notes.example",
  accessToken: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJncmFudCJ9.c2lnbmF0dXJl-_",
  linkSecret: noise(32),
  workspace: WorkspaceId.make("-ZYT97VKmGVSqkTnQ2fo0A")
}
const text = encodeLink(link)
const reasonOf = <A>(result: Result.Result<A, { readonly reason: string }>): string =>
  Result.isSuccess(result) ? "decoded" : result.failure.reason

describe("links", () => {
  it("LINK-1 a link comes back as it was, whole, with blanks around it, or as its fragment", () => {
    assert.deepStrictEqual(decodeLink(text), Result.succeed(link))
    assert.deepStrictEqual(decodeLink(`  ${text}\n`), Result.succeed(link))
    const fragment = text.slice(text.indexOf("#"))
    assert.strictEqual(fragment, `#${encodeFragment(link)}`)
    assert.deepStrictEqual(decodeLink(fragment, link.origin), Result.succeed(link))
    assert.deepStrictEqual(decodeLink(fragment.slice(1), link.origin), Result.succeed(link))
    assert.strictEqual(reasonOf(decodeLink(fragment)), "form")
    const local = { ...link, origin: "http://localhost:4400" }
    assert.deepStrictEqual(decodeLink(encodeLink(local)), Result.succeed(local))
  })

  it("LINK-1 a link is written as pinned here", () => {
    const pinned = "1.a~b~c.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwf5lhP3tUqYZVKqROdDZ-jQ.Hn8myZdc"
    assert.strictEqual(
      encodeFragment({ ...link, accessToken: "a.b.c", linkSecret: new Uint8Array(32).fill(7) }),
      pinned
    )
  })

  it.prop(
    "LINK-1 any token and secret come back",
    { token: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.-]{1,60}$/)), seed: Schema.Int },
    ({ token, seed }) => {
      const one = { accessToken: token, linkSecret: noise(32, seed | 1), workspace: link.workspace }
      assert.deepStrictEqual(decodeFragment(encodeFragment(one)), Result.succeed(one))
    }
  )

  it("LINK-2 everything but the origin stands after the #, the workspace's id included", () => {
    const [before, after] = text.split("#")
    assert.strictEqual(before, "https://notes.example/join")
    assert.strictEqual(after?.split(".").length, 4)
    const other = { ...link, workspace: WorkspaceId.make("AAAAAAAAAAAAAAAAAAAAAA") }
    assert.notStrictEqual(encodeLink(other), text)
    assert.deepStrictEqual(decodeLink(encodeLink(other)), Result.succeed(other))
  })

  it("LINK-3 a changed, missing, doubled or swapped character is noticed", () => {
    const start = text.indexOf("#") + 3
    for (let place = start; place < text.length; place++) {
      const here = text[place] ?? ""
      const before = text.slice(0, place)
      const rest = text.slice(place + 1)
      const swapped = `${before}${rest[0] ?? ""}${here}${rest.slice(1)}`
      const slips = [`${before}${here === "x" ? "y" : "x"}${rest}`, before + rest, before + here + here + rest, swapped]
      for (const slip of slips) {
        if (slip !== text) assert.notStrictEqual(reasonOf(decodeLink(slip)), "decoded", `place ${place}: ${slip}`)
      }
    }
    assert.strictEqual(reasonOf(decodeLink(text.slice(0, -1))), "checksum")
  })

  it("LINK-4 a later link says so, and other texts are no links", () => {
    assert.strictEqual(reasonOf(decodeLink(text.replace("#1.", "#2."))), "version")
    assert.strictEqual(reasonOf(decodeLink("https://notes.example/join#10.anything")), "version")
    for (const other of [
      "",
      "#",
      "1",
      "1.a.b",
      "1.a.b.c.d",
      "https://notes.example/",
      "https://notes.example/join",
      "join"
    ]) {
      assert.include(["form", "checksum"], reasonOf(decodeLink(other, link.origin)), other)
      assert.notStrictEqual(reasonOf(decodeLink(other)), "decoded", other)
    }
    const short = encodeFragment({ ...link, linkSecret: noise(31) })
    assert.strictEqual(reasonOf(decodeFragment(short)), "form")
  })

  it.effect("LINK-5 a link's key pairs are the ones pinned here, and differ from each other", () =>
    Effect.gen(function* () {
      const one = yield* linkKeysOf(new Uint8Array(32).fill(7))
      assert.deepStrictEqual(
        { ...one.keys, grant: one.grant },
        {
          signing: "el68mdqSVGcDQzhHbZibVdICMgsDIO7zouwOOL6qRKw",
          agreement: "DByr6aeUUnbeAXpckCCUkUwpZxIlC4SaDfGodrizeB0",
          grant: "NLiCU4Lz39cSS9wwS5lMvA"
        }
      )
      assert.notDeepEqual(one.secret.signingSeed, one.secret.agreementSeed)
      const other = yield* linkKeysOf(new Uint8Array(32).fill(8))
      assert.notStrictEqual(other.grant, one.grant)
      assert.notDeepEqual(other.secret.agreementSeed, one.secret.agreementSeed)
    }).pipe(run)
  )
})
