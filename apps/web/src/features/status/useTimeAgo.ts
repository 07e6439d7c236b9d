/** A time in words, "2 minutes ago", kept up to date; undefined for no time. */
import { useEffect, useState } from "react"

const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" })

/** How often the words are looked at again, in milliseconds. */
const againMillis = 15_000

export const useTimeAgo = (at: number | undefined): string | undefined => {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = globalThis.setInterval(() => setNow(Date.now()), againMillis)
    return () => globalThis.clearInterval(timer)
  }, [])
  return at === undefined ? undefined : timeAgo(at, now)
}

/** `at` as seen from `now`, both epoch milliseconds. A time ahead of our clock counts as now. */
export const timeAgo = (at: number, now: number): string => {
  const seconds = Math.min(0, Math.round((at - now) / 1_000))
  if (seconds > -60) return "just now"
  if (seconds > -3_600) return words.format(Math.ceil(seconds / 60), "minute")
  if (seconds > -86_400) return words.format(Math.ceil(seconds / 3_600), "hour")
  return words.format(Math.ceil(seconds / 86_400), "day")
}
