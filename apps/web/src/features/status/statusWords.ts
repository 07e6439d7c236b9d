/**
 * The sync status in words: what the badge says, what it means, and what a person can do about it.
 *
 * Pure. Only `Synced` without a waiting edit is ever called synced.
 */
import type { SyncStatus } from "@tidemark/react"

/** How a status looks: all well, something under way, away from the server, or in need of a look. */
export type StatusTone = "calm" | "moving" | "away" | "alarm"

export interface StatusWords {
  /** Two or three words for the badge. */
  readonly label: string
  /** A sentence on what is true. */
  readonly sentence: string
  /** What to do; absent where nothing needs doing. */
  readonly wayOut?: string
  readonly tone: StatusTone
  /** Done so far, 0 … 1, while catching up. */
  readonly progress?: number
}

type Stalled = Extract<SyncStatus, { readonly _tag: "Stalled" }>

export const statusWords = (status: SyncStatus): StatusWords => {
  const { pending } = status
  const kept = pending === 0 ? "" : ` ${edits(pending)} kept on this device until then.`
  switch (status._tag) {
    case "Stopped":
      return {
        label: pending === 0 ? "Not syncing" : `Not syncing, ${pending}`,
        sentence: `No tab of this browser syncs this workspace now.${kept}`,
        wayOut: "It begins by itself. If it does not, reload this page.",
        tone: "away"
      }
    case "Connecting":
      return {
        label: pending === 0 ? "Connecting" : `Connecting, ${pending}`,
        sentence: `Reaching the server.${kept}`,
        tone: "moving"
      }
    case "Synced":
      return {
        label: "Synced",
        sentence: "The server has confirmed everything, and everything it has is here.",
        tone: "calm"
      }
    case "Syncing": {
      const progress = status.total > 0 ? Math.min(1, status.done / status.total) : 0
      return {
        label: `Syncing ${Math.floor(progress * 100)} %`,
        sentence: `${status.done} of ${status.total} entries have arrived. You can go on working.`,
        tone: "moving",
        progress
      }
    }
    case "Pending":
      return {
        label: `${pending} pending`,
        sentence: `${edits(pending)} stored on this device and on the way to the server.`,
        tone: "moving"
      }
    case "Offline":
      return {
        label: pending === 0 ? "Offline" : `Offline, ${pending} pending`,
        sentence: status.message,
        wayOut:
          pending === 0
            ? "Go on working. Changes are stored on this device and go out when there is a connection."
            : `${edits(pending)} stored on this device and will go out when there is a connection.`,
        tone: "away"
      }
    case "Stalled":
      return { label: "Needs a look", sentence: status.message, wayOut: stalledWayOut(status), tone: "alarm" }
  }
}

const stalledWayOut = ({ cause }: Stalled): string => {
  switch (cause) {
    case "noProgress":
      return "It is tried again by itself. If it lasts, check the connection, or ask whoever runs the server."
    case "itemRefused":
      return "The edit is kept here, and so is what was written after it in the same place. An owner can see whether your role or the size limit is the reason."
    case "serverStorage":
      return "Your edits stay on this device and go out by themselves when the server can store again. Tell whoever runs it."
    case "serverClock":
      return "Your edits stay on this device. Whoever runs the server should check its clock. It is tried again by itself."
    case "between":
      return "Your edits stay on this device. Sign in to the network if it asks for that; if this lasts, tell whoever runs the network or the server."
    case "sizeBetween":
      return "Your edits stay on this device. Ask whoever runs the network, or what stands before the server, to let larger requests through."
    case "revoked":
      return "What you wrote stays on this device. If this is a mistake, ask an owner for a new link."
    case "unknownDevice":
      return "Your edits stay on this device. Ask an owner for a link to join again."
    case "role":
      return "What you wrote stays on this device, and goes out when an owner lets you edit."
    case "workspaceUnknown":
      return "Your edits stay on this device. The server is asked again each minute; ask whoever runs it whether it has moved."
    case "versionTooOld":
      return "Reload this page to get the current version. Your edits stay on this device and go out afterwards."
    case "quotaFull":
      return "Your edits stay on this device and go out by themselves when there is room. Ask whoever runs the server for more."
    case "tooLarge":
      return "Your edits stay on this device. Ask whoever runs the server, or the network between, which size is let through."
    case "malformed":
      return "Your edits stay on this device and are tried again each minute. Reload this page; if it lasts, report it."
    case "roster":
      return "Your edits stay on this device. An owner should look at who has access, on a device where syncing works."
    case "log":
      return "The server shows another history than this device knows. It is compared again by itself, and nothing is removed here. If it lasts, ask whoever runs the server."
    case "history":
      return "Every device of this workspace has been asked. Open the app on the others, also on those not used for long."
    case "store":
      return "Keep this page open; it is tried again by itself. Do not clear the site's stored content."
  }
}

/** How long this device had no contact with the server; undefined while that is not worth a word. */
export const awayWords = ({ awayDays }: SyncStatus): string | undefined =>
  awayDays === undefined
    ? undefined
    : `Not synced for ${awayDays} days, by this device's clock. Your edits are safe on this device and go out when the server can be reached.`

/** How many of many edits have been sent; undefined while few are on their way. */
export const sendingWords = ({ sending }: SyncStatus): string | undefined =>
  sending === undefined
    ? undefined
    : `${sending.done.toLocaleString("en")} of ${sending.total.toLocaleString("en")} changes sent.`

/** "1 change is", "3 changes are". */
const edits = (count: number): string => (count === 1 ? "1 change is" : `${count} changes are`)

/** What is kept although it could not be read or sent; empty when there is nothing. */
export const heldWords = ({ damaged = 0, heldRefused, heldTooNew, refused }: SyncStatus): ReadonlyArray<string> => [
  ...(damaged > 0
    ? [
        `${damaged === 1 ? "1 record" : `${damaged} records`} stored on this device ${damaged === 1 ? "is" : "are"} damaged: kept aside. Settings, “Check my data” says more.`
      ]
    : []),
  ...(heldRefused > 0 ? [`${entries(heldRefused)} could not be read: kept.`] : []),
  ...(heldTooNew > 0
    ? [
        `${entries(heldTooNew)} ${heldTooNew === 1 ? "needs" : "need"} a newer version of the app: kept, and read after an update.`
      ]
    : []),
  ...(refused > 0
    ? [`${entries(refused)} of this device ${refused === 1 ? "was" : "were"} refused by the server: kept.`]
    : [])
]

const entries = (count: number): string => (count === 1 ? "1 entry" : `${count} entries`)
