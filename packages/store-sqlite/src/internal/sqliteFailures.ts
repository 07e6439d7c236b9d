/** What SQLite's errors mean for the caller of a `LocalStore`. */
import { StoreFailed } from "@tidemark/sync"

/** A stored row that does not decode. */
export class DamagedRow extends Error {}

type Reason = StoreFailed["reason"]

const messages: Record<Reason, string> = {
  full: "The disk is full. Nothing of this change was written; what was stored before is safe. Free some space, then try again.",
  aborted: "The local store was busy. Nothing of this change was written; try again.",
  disconnected:
    "The local store stopped answering, and whether this change was written is unknown. What was stored before is safe; open the store again.",
  versionChanged:
    "The local store belongs to another version of this program. Nothing was written; update the program, then try again.",
  gone: "The local store was deleted. Nothing was written; join the workspace again by a link.",
  damaged:
    "A part of the local store cannot be read. Nothing was written; keep the file, and restore from a backup or from the server."
}

/** By SQLite's primary result code: https://www.sqlite.org/rescode.html. */
const reasonByCode = new Map<number, Reason>([
  [4, "aborted"],
  [5, "aborted"],
  [6, "aborted"],
  [7, "aborted"],
  [8, "disconnected"],
  [9, "aborted"],
  [10, "disconnected"],
  [11, "damaged"],
  [13, "full"],
  [14, "disconnected"],
  [17, "versionChanged"],
  [26, "damaged"]
])

export const storeFailed = (reason: Reason, cause?: unknown): StoreFailed =>
  new StoreFailed({ reason, message: messages[reason], ...(cause === undefined ? {} : { cause }) })

/** The failure an error of `node:sqlite` stands for; undefined for an error that is a mistake of the caller. */
export const errorToStoreFailed = (error: unknown): StoreFailed | undefined => {
  if (error instanceof StoreFailed) return error
  if (error instanceof DamagedRow) return storeFailed("damaged", error)
  if (!(error instanceof Error)) return undefined
  if ("errcode" in error && typeof error.errcode === "number") {
    const reason = reasonByCode.get(error.errcode & 0xff)
    return reason === undefined ? undefined : storeFailed(reason, error)
  }
  // What node:sqlite says of a closed database.
  return "code" in error && error.code === "ERR_INVALID_STATE" ? storeFailed("disconnected", error) : undefined
}
