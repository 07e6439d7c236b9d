/** Fuzzes links, whole and as the part after `#`: what a user pastes. */
import { createHash } from "node:crypto"
import { decodeFragment, decodeLink, encodeFragment, encodeLink, type Link } from "@tidemark/crypto"
import { bytesToId, linkContext, WorkspaceId } from "@tidemark/protocol"
import type { SeededRandom } from "../../SeededRandom.ts"
import { hostileBytes, mutateBytes } from "../MutateBytes.ts"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { samplesOf } from "../internal/samples.ts"

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")
const bytesOf = (link: string): Uint8Array => Buffer.from(link, "utf8")

const origins = [
  "https://notes.example",
  "http://localhost:8787",
  "https://[::1]:8443",
  "https://xn--bcher-kva.example"
]

const linkOf = (random: SeededRandom): Link => ({
  origin: random.pick(origins) ?? "",
  accessToken: [
    "eyJhbGciOiJIUzI1NiJ9",
    bytesToId(random.bytes(random.between(1, 90))),
    bytesToId(random.bytes(32))
  ].join("."),
  linkSecret: random.bytes(32),
  workspace: WorkspaceId.make(bytesToId(random.bytes(16)))
})

/** The fragment with its checksum made right again, so that what stands behind the checksum is reached too. */
const withChecksum = (link: string): string => {
  const hash = link.indexOf("#")
  const fields = link
    .slice(hash + 1)
    .split(".")
    .slice(0, -1)
    .join(".")
  const digest = createHash("sha256").update(`${linkContext}checksum${fields}`).digest().subarray(0, 6)
  return `${link.slice(0, hash + 1)}${fields}.${digest.toString("base64url")}`
}

/** Three of ten are checked again after they were changed. */
const hostile = (random: SeededRandom, samples: ReadonlyArray<Uint8Array>): Uint8Array => {
  const mutated = random.chance(0.5)
    ? hostileBytes(random, samples)
    : mutateBytes(random, random.pick(samples) ?? new Uint8Array(0), 1)
  return random.chance(0.3) ? bytesOf(withChecksum(text(mutated))) : mutated
}

export const wholeLink = layoutTarget({
  name: "link",
  weight: 60,
  decode: (bytes) => decodeLink(text(bytes)),
  encode: (link) => bytesOf(encodeLink(link)),
  samples: (random) => samplesOf(random, 100, (one) => bytesOf(encodeLink(linkOf(one)))),
  hostile
})

export const linkFragment = layoutTarget({
  name: "link fragment",
  weight: 60,
  decode: (bytes) => decodeFragment(text(bytes)),
  encode: (link) => bytesOf(encodeFragment(link)),
  samples: (random) => samplesOf(random, 100, (one) => bytesOf(encodeFragment(linkOf(one)))),
  hostile
})
