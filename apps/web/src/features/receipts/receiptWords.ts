/** Where a change is, and how far a device has come, in words. */
import type { DeviceProgress, Whereabouts } from "@tidemark/react"

/** Three lines, from near to far. `sentence` says why a change is not further yet. */
export interface ReceiptWords {
  readonly label: string
  readonly isOnServer: boolean
  readonly server: string
  readonly sentence: string | undefined
  /** Undefined where there is no other device, or nothing is known of them. */
  readonly devices: string | undefined
}

export const receiptWords = ({ devices, server }: Whereabouts): ReceiptWords => {
  const count = devices.length + 1
  const having = devices.filter(({ has }) => has).length + 1
  const onDevices = devices.length === 0 ? undefined : `On ${having} of ${count} devices`
  switch (server._tag) {
    case "Stored": {
      const number = server.seq === undefined ? "" : ` (no. ${server.seq})`
      const words = `On the server${number}`
      return { label: "On the server", isOnServer: true, server: words, sentence: undefined, devices: onDevices }
    }
    case "Waiting": {
      const label = "Not yet on the server"
      return { label, isOnServer: false, server: label, sentence: server.message, devices: onDevices }
    }
    case "Refused": {
      const label = "Refused by the server"
      const sentence = `${server.message} It is kept on this device.`
      return { label, isOnServer: false, server: label, sentence, devices: onDevices }
    }
  }
}

/** How far another device has come, as it said last. */
export const progressWords = ({ behind }: DeviceProgress): string => {
  if (behind === undefined) return "has not said yet what it has"
  if (behind === 0) return "has everything"
  return behind === 1 ? "1 change behind" : `${behind} changes behind`
}
