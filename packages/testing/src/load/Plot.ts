/** One figure over one size as an SVG text: logarithmic below, from nothing upwards, every point with its number. */

const width = 480
const height = 240
const margin = { left: 16, right: 24, top: 40, bottom: 36 }

export interface Plot {
  readonly title: string
  /** What the sizes count. */
  readonly sizes: string
  readonly points: ReadonlyArray<{ readonly size: number; readonly value: number }>
}

const shortSize = (size: number): string =>
  size >= 1_000_000 ? `${size / 1_000_000}M` : size >= 1_000 ? `${size / 1_000}k` : String(size)

const shortValue = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** The text of an SVG file. Colours are those of the page it stands on. */
export const drawPlot = ({ points, sizes, title }: Plot): string => {
  const logs = points.map(({ size }) => Math.log10(size))
  const [low, high] = [Math.min(...logs), Math.max(...logs)]
  const top = Math.max(...points.map(({ value }) => value)) * 1.25 || 1
  const at = (size: number, value: number): readonly [number, number] => [
    margin.left + 24 + ((Math.log10(size) - low) / (high - low || 1)) * (width - margin.left - margin.right - 48),
    height - margin.bottom - (Math.max(0, value) / top) * (height - margin.top - margin.bottom)
  ]
  const places = points.map(({ size, value }) => ({ size, value, place: at(size, value) }))
  const text = (x: number, y: number, anchor: string, words: string) =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${words}</text>`
  const floor = height - margin.bottom
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<style>text{font:12px sans-serif;fill:#666}path{fill:none;stroke:#2563eb;stroke-width:2}`,
    `circle{fill:#2563eb}line{stroke:#999}</style>`,
    text(margin.left, 20, "start", title),
    `<line x1="${margin.left}" y1="${floor}" x2="${width - margin.right}" y2="${floor}"/>`,
    `<path d="M${places.map(({ place }) => place.map((one) => one.toFixed(1)).join(",")).join("L")}"/>`,
    ...places.flatMap(({ place: [x, y], size, value }) => [
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`,
      text(x, y - 9, "middle", shortValue(value)),
      text(x, floor + 16, "middle", shortSize(size))
    ]),
    text(width - margin.right, height - 4, "end", sizes),
    "</svg>\n"
  ].join("\n")
}
