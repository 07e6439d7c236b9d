/**
 * Calendar days: stored as midnight UTC, so that a day is the same day on every device, and compared with the day it is
 * here. Pure but for the formats of the browser's language.
 */
import { DateTime } from "effect"

const dayMillis = 86_400_000

/** "2026-03-09" for stored milliseconds. */
export const dueToDay = (due: number): string => new Date(due).toISOString().slice(0, 10)

/** The value to store for "2026-03-09"; undefined for a text that is no day. */
export const dayToDue = (day: string): DateTime.Utc | undefined => {
  const millis = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00.000Z`) : Number.NaN
  return Number.isNaN(millis) ? undefined : DateTime.makeUnsafe(millis)
}

/** The day it is in this place, in the form due days are stored. `now` is local time. */
export const todayMillis = (now: Date): number => Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())

const near = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", timeZone: "UTC" })
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" })
const anyYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" })

/** "today", "tomorrow", "Friday", "12 Mar". */
export const dueWords = (due: number, today: number): string => {
  const days = Math.round((due - today) / dayMillis)
  if (Math.abs(days) <= 1) return near.format(days, "day")
  if (days > 1 && days < 7) return weekday.format(due)
  return (new Date(due).getUTCFullYear() === new Date(today).getUTCFullYear() ? thisYear : anyYear).format(due)
}
