/** A size as people say it: "12 MB". Pure. */

const units = ["kilobyte", "megabyte", "gigabyte", "terabyte"] as const

export const bytesInWords = (bytes: number): string => {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3) - 1))
  const value = bytes / 1_000 ** (power + 1)
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit: units[power] ?? "kilobyte",
    maximumFractionDigits: value < 10 ? 1 : 0
  }).format(value)
}
