/** Numbers as people read them. Pure. */

/** Three digits that count, thousands set apart: 1,698; 23.4; 0.71. */
export const readable = (number: number): string => {
  const size = Math.abs(number)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  return number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
