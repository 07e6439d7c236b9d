/** What an answer means that is none of the server's: somebody between gave it, or changed it on the way [REPLICA-20]. */
import { Unreachable } from "@tidemark/sync"

/** What every such sentence ends with. */
export const safe = "Your edits are safe on this device and go out by themselves."

/** A gateway that finds no server behind it: the server is away, and nothing else is wrong. */
const gatewayStatuses: ReadonlySet<number> = new Set([502, 503, 504])
const tooLargeStatus = 413

/** `status`: of the answer, where it is known. */
export const foreignAnswer = (status?: number): Unreachable => {
  if (status === undefined) return between("")
  if (gatewayStatuses.has(status)) {
    return new Unreachable({
      message: `The server cannot be reached: what stands before it says so (answer ${status}). ${safe}`
    })
  }
  if (status === tooLargeStatus) {
    return new Unreachable({
      reason: "sizeBetween",
      message: `Something between this device and the server refused what was sent as too large (answer ${status}). ${safe}`
    })
  }
  return between(` (${status})`)
}

const between = (status: string) =>
  new Unreachable({
    reason: "between",
    message: `Something between this device and the server refused what was sent, or answers in its place${status}. ${safe}`
  })
