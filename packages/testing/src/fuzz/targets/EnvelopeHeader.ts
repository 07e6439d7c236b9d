/** Fuzzes the clear header of an entry and how an entry is cut into pieces. */
import { decodeEnvelope, encodeHeader, type EnvelopePieces, headerBytes, signatureBytes } from "@tidemark/protocol"
import { Result } from "effect"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { headerOf, samplesOf } from "../internal/samples.ts"
import { PromiseBroken } from "../FuzzTarget.ts"

const decode = (bytes: Uint8Array) =>
  Result.map(decodeEnvelope(bytes), (pieces): Pick<EnvelopePieces, "header" | "ciphertext" | "signature"> => {
    const isWhole =
      pieces.headerBytes.length === headerBytes &&
      pieces.signature.length === signatureBytes &&
      headerBytes + pieces.ciphertext.length + signatureBytes === bytes.length
    if (!isWhole) throw new PromiseBroken("envelope: its pieces do not make up the entry")
    const { ciphertext, header, signature } = pieces
    return { header, ciphertext, signature }
  })

export const envelopeHeader = layoutTarget({
  name: "envelope",
  weight: 100,
  decode,
  encode: ({ ciphertext, header, signature }) => Buffer.concat([encodeHeader(header), ciphertext, signature]),
  samples: (random) =>
    samplesOf(random, 100, (one) => Buffer.concat([encodeHeader(headerOf(one)), one.bytes(one.between(80, 300))]))
})
