/** Says in the engine's three kinds what a route failed with: wait, catch up, or stop and tell the user. */
import { Behind, Refused, type RemoteError, type StoreFailed, Unreachable } from "@tidemark/sync"
import type { Unauthorized } from "@tidemark/protocol"
import type { ServerError } from "../ServerApi.ts"

const refused = (reason: Refused["reason"], message: string) => new Refused({ reason, message })

const ofUnauthorized = ({ message, reason }: Unauthorized): RemoteError => {
  if (reason === "revoked") return refused("revoked", message)
  if (reason === "unknown") return refused("unknownDevice", message)
  // The session has renewed the token before this is told: a device can do no more.
  return new Unreachable({
    reason: "serverClock",
    message:
      "The server does not accept the access it has just given this device. Its clock may be wrong, or something " +
      "between changes what is sent. Your edits are kept on this device; trying again."
  })
}

export const remoteErrorOf = (error: ServerError | StoreFailed): RemoteError => {
  switch (error._tag) {
    case "Unreachable":
      return error
    case "Unauthorized":
      return ofUnauthorized(error)
    case "Forbidden":
      return refused("role", error.message)
    case "WorkspaceUnknown":
      return refused("workspaceUnknown", error.message)
    case "VersionUnsupported":
      return refused("versionTooOld", error.message)
    case "QuotaFull":
      return refused("quotaFull", error.message)
    case "TooLarge":
      return refused("tooLarge", error.message)
    case "StatementRefused":
      return refused("roster", error.message)
    case "Malformed":
      return refused("malformed", error.message)
    case "LogForked": {
      const { chain, head, logId, message } = error
      return new Behind({ what: "log", message, server: { logId, seq: head, chain } })
    }
    case "RosterMoved":
      return new Behind({ what: "roster", message: error.message })
    case "RateLimited":
      return new Unreachable({ message: error.message, retryAfterMillis: error.retryAfterMillis })
    case "StorageFailed":
      return new Unreachable({ reason: "serverStorage", message: error.message })
    case "StoreFailed":
      return new Unreachable({ message: error.message })
  }
}
