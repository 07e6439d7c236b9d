/** How much of this device's disk the site takes, and may take; undefined until the browser has said so. */
import { readStorageUse, type StorageUse } from "@tidemark/browser"
import { useEffect, useState } from "react"

/** How often it is asked again, in milliseconds. */
const againMillis = 10_000

export const useStorageUse = (): StorageUse | undefined => {
  const [use, setUse] = useState<StorageUse>()
  useEffect(() => {
    let isCurrent = true
    const look = () => void readStorageUse(globalThis.navigator.storage).then((next) => isCurrent && setUse(next))
    look()
    const timer = globalThis.setInterval(look, againMillis)
    return () => {
      isCurrent = false
      globalThis.clearInterval(timer)
    }
  }, [])
  return use
}
