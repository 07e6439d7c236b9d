/** What the fields of a damaged record still say; each may itself be what is damaged. */
import { Option, Schema } from "effect"
import { LocalSeq } from "@tidemark/protocol"
import { OperationSpan } from "@tidemark/model"
import type { Quarantined } from "@tidemark/sync"

const Fields = Schema.fromJsonString(
  Schema.Struct({
    own: Schema.optionalKey(Schema.Unknown),
    seq: Schema.optionalKey(Schema.Unknown),
    spans: Schema.optionalKey(Schema.Unknown)
  })
)
const decodeFields = Schema.decodeOption(Fields)
const Spans = Schema.Array(OperationSpan)
const decodeSpans = Schema.decodeUnknownOption(Spans)
const decodeSpansText = Schema.decodeUnknownOption(Schema.fromJsonString(Spans))
const decodeLocalSeq = Schema.decodeUnknownOption(Schema.fromJsonString(LocalSeq))

export interface FoundFields {
  /** It says of itself that the server has it, or gave it. */
  readonly isFromServer: boolean
  /** The operations it held; empty where it does not say. */
  readonly spans: ReadonlyArray<OperationSpan>
}

export const foundFields = ({ fields, isContentWhole, table }: Quarantined): FoundFields => {
  const found = Option.getOrElse(decodeFields(fields), () => ({}) as typeof Fields.Type)
  const spans = Option.getOrElse(
    Option.orElse(decodeSpans(found.spans), () => decodeSpansText(found.spans)),
    () => []
  )
  const hasSeq = typeof found.seq === "number" && found.seq > 0
  // Where the content is whole, it is the fields that are damaged: one of them alone is not believed.
  const isReceived = hasSeq && (!isContentWhole || found.own === 0 || found.own === false)
  // A snapshot never stands for own updates without a receipt alone: those are kept beside it.
  return { isFromServer: table !== "updates" || isReceived, spans }
}

/** The number of a damaged update; keys are never damaged, a record with another key is another record. */
export const updateNumber = ({ key, table }: Quarantined): LocalSeq | undefined =>
  table === "updates" ? Option.getOrUndefined(decodeLocalSeq(key)) : undefined
