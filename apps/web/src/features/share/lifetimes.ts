/** How long a link can last. */
export const lifetimes = [
  { value: "hour", label: "1 hour", millis: 3_600_000 },
  { value: "day", label: "1 day", millis: 86_400_000 },
  { value: "week", label: "7 days", millis: 7 * 86_400_000 },
  { value: "month", label: "30 days", millis: 30 * 86_400_000 },
  { value: "half", label: "180 days", millis: 180 * 86_400_000 }
] as const

export type Lifetime = (typeof lifetimes)[number]
