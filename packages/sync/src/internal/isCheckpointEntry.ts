/** Whether an entry's clear header says that it is a checkpoint. */
import { Result } from "effect"
import { decodeHeader, entryKinds } from "@tidemark/protocol"

export const isCheckpointEntry = (entry: Uint8Array): boolean => {
  const header = decodeHeader(entry)
  return Result.isSuccess(header) && header.success.kind === entryKinds.checkpoint
}
