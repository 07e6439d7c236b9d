/** Fuzzes stored statements: layout byte, JSON body, signature. */
import { Result } from "effect"
import { decodeStatement, encodeStatementBody, StatementBody } from "@tidemark/protocol"
import { hostileBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { valuesOf } from "../internal/samples.ts"

const utf8 = new TextEncoder()
const signature = new Uint8Array(64).fill(7)

/** What a reader goes by: the body where it is known, else kind and number with the signed bytes as they are. */
const decode = (bytes: Uint8Array) =>
  Result.map(decodeStatement(bytes), ({ body, signed }) =>
    body.kind === "unknown" ? ({ kind: "unknown", body, signed } as const) : ({ kind: "known", body } as const)
  )

export const statementLayout = layoutTarget({
  name: "statement",
  weight: 100,
  decode,
  encode: (statement) =>
    Buffer.concat([statement.kind === "known" ? encodeStatementBody(statement.body) : statement.signed, signature]),
  samples: async (random) =>
    (await valuesOf(StatementBody, random, 100)).map((body) => Buffer.concat([encodeStatementBody(body), signature])),
  hostile: (random, samples) => {
    const sample = random.pick(samples) ?? new Uint8Array(0)
    if (random.chance(0.3)) return hostileBytes(random, samples)
    const text = Buffer.from(sample.subarray(1, -signature.length)).toString("utf8")
    return Buffer.concat([Uint8Array.of(1), utf8.encode(mutateJson(random, text)), signature])
  }
})
