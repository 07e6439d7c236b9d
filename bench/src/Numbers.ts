/** Numbers as people read them. Pure. */
import type { Summary } from "./Statistics.ts"

/** Three digits that count, thousands set apart: 1,698; 23.4; 0.71. */
export const readable = (number: number): string => {
  const size = Math.abs(number)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A median, its spread, and its runs where they are fewer than wanted: "105 ±10.0, n = 2". */
export const summaryText = ({ median, runs, spread }: Summary, runsWanted: number): string =>
  `${readable(median)} ±${readable(spread)}${runs < runsWanted ? `, n = ${runs}` : ""}`
