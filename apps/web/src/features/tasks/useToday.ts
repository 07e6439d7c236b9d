/** The day it is here, as due days are stored; moves on at midnight and when the page is looked at again. */
import { useEffect, useState } from "react"
import { todayMillis } from "./dueDay.ts"

/** How often midnight is looked for, in milliseconds. */
const lookMillis = 60_000

export const useToday = (): number => {
  const [today, setToday] = useState(() => todayMillis(new Date()))
  useEffect(() => {
    const look = () => setToday(todayMillis(new Date()))
    const timer = globalThis.setInterval(look, lookMillis)
    document.addEventListener("visibilitychange", look)
    return () => {
      globalThis.clearInterval(timer)
      document.removeEventListener("visibilitychange", look)
    }
  }, [])
  return today
}
