/**
 * The text of a bundle by the source it came from, as its source map (version 3) tells. Text that no source is named for
 * stands under "". Source: the source map specification, ECMA-426.
 */
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** The numbers of one segment: base 64, five bits a digit, the sign in the lowest bit. */
const segmentNumbers = (segment: string): ReadonlyArray<number> => {
  const numbers: Array<number> = []
  let [value, shift] = [0, 0]
  for (const character of segment) {
    const digit = digits.indexOf(character)
    value += (digit & 31) << shift
    if ((digit & 32) !== 0) {
      shift += 5
      continue
    }
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1)
    value = 0
    shift = 0
  }
  return numbers
}

export const bytesBySource = (
  code: string,
  map: { readonly mappings: string; readonly sources: ReadonlyArray<string | null> }
): ReadonlyMap<string, string> => {
  const parts = new Map<string, Array<string>>()
  const add = (source: string, text: string) => {
    const known = parts.get(source)
    if (known === undefined) parts.set(source, [text])
    else known.push(text)
  }
  const lines = code.split("\n")
  let index = 0
  for (const [at, segments] of map.mappings.split(";").entries()) {
    const line = lines[at] ?? ""
    let [column, source] = [0, ""]
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [columns = 0, sources] = segmentNumbers(segment)
      if (columns > 0) add(source, line.slice(column, column + columns))
      column += columns
      if (sources !== undefined) index += sources
      source = sources === undefined ? "" : (map.sources[index] ?? "")
    }
    add(source, line.slice(column))
  }
  return new Map([...parts].map(([source, texts]) => [source, texts.join("")]))
}
