/**
 * How long files may be. Measured over everything at once, so that one long file is no drama and a habit of them is.
 */
import type { Problem, TextFile } from "./Tree.ts"

/** Half of the source files are at most this long. */
const medianLinesMax = 120

/** Nine of ten source files are at most this long. */
const mostLinesMax = 300

/** No source file is longer. */
const sourceLinesMax = 500

/** No test is longer. */
const testLinesMax = 800

/** Lines as an editor counts them: a last line break ends a line and opens none. */
export const linesOf = (text: string): number => text.split("\n").length - (text.endsWith("\n") ? 1 : 0)

/** The smallest length that at least `share` of the lengths do not exceed. */
export const quantile = (lengths: ReadonlyArray<number>, share: number): number =>
  lengths.toSorted((left, right) => left - right)[Math.max(0, Math.ceil(lengths.length * share) - 1)] ?? 0

const tooLong = (files: ReadonlyArray<TextFile>, linesMax: number): ReadonlyArray<Problem> =>
  files
    .filter((file) => linesOf(file.text) > linesMax)
    .map((file) => `${file.path}: ${linesOf(file.text)} lines, at most ${linesMax}`)

/** Source files: the median, nine of ten, and the longest. */
export const sourceSizeProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> => {
  const lengths = files.map((file) => linesOf(file.text))
  const median = quantile(lengths, 0.5)
  const most = quantile(lengths, 0.9)
  return [
    ...(median > medianLinesMax ? [`all source files: the median is ${median} lines, at most ${medianLinesMax}`] : []),
    ...(most > mostLinesMax ? [`all source files: nine of ten have up to ${most} lines, at most ${mostLinesMax}`] : []),
    ...tooLong(files, sourceLinesMax)
  ]
}

/** Tests: only the longest. */
export const testSizeProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> => tooLong(files, testLinesMax)
