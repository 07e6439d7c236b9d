/**
 * Numbered rules and where they are cited: each rule of `docs/spec` has a test, each cited rule exists.
 *
 * A rule is a line of a spec file that starts with its id in bold. A test cites the ids its title begins with:
 * `"PUSH-1 sends oldest first"`, `"PUSH-1, LOG-4 keep the order"`. Everything else cites them in square brackets.
 */
import { testCallsOf } from "./Syntax.ts"
import type { Problem, TextFile } from "./Tree.ts"

/** One rule, and where it is written. */
interface Rule {
  readonly id: string
  readonly path: string
}

const isSpec = (file: TextFile): boolean => file.path.startsWith("docs/spec/") && file.path.endsWith(".md")

/** Ids at the start of a text, separated by spaces, commas or "and". */
export const idsAtStart = (title: string): ReadonlyArray<string> => {
  const start =
    /^\s*[A-Z][A-Z0-9]*-\d+(?:(?:\s*[,/+&]\s*|\s+(?:and\s+)?)[A-Z][A-Z0-9]*-\d+)*(?![\w-])/.exec(title)?.[0] ?? ""
  return start.match(/[A-Z][A-Z0-9]*-\d+/g) ?? []
}

/** The rules of the spec files, in the order they are written. */
export const rulesOf = (files: ReadonlyArray<TextFile>): ReadonlyArray<Rule> =>
  files.filter(isSpec).flatMap((file) =>
    [...file.text.matchAll(/^\*\*([A-Z][A-Z0-9]*-\d+)\b[^*]*\*\*/gm)].map((match) => ({
      id: match[1] ?? "",
      path: file.path
    }))
  )

interface Citation {
  readonly id: string
  readonly path: string
  /** True for a test, false for a group of tests: a group proves nothing by itself. */
  readonly isTest: boolean
}

const citationsOf = (files: ReadonlyArray<TextFile>): ReadonlyArray<Citation> =>
  files.flatMap((file) =>
    testCallsOf(file).flatMap((call) =>
      idsAtStart(call.title ?? "").map((id) => ({
        id,
        path: file.path,
        isTest: call.chain[0] === "it" || call.chain[0] === "test"
      }))
    )
  )

/** The ids that stand alone in square brackets, in comments, pages and configuration. */
const bracketedIn = (file: TextFile): ReadonlyArray<string> =>
  [...file.text.matchAll(/\[([A-Z][A-Z0-9]*-\d+(?:, [A-Z][A-Z0-9]*-\d+)*)\]/g)].flatMap(
    ([, ids]) => ids?.split(", ") ?? []
  )

/** Citations in square brackets of rules that do not exist. */
export const bracketProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> => {
  const known = new Set(rulesOf(files).map((rule) => rule.id))
  return files.flatMap((file) =>
    bracketedIn(file)
      .filter((id) => !known.has(id))
      .map((id) => `${file.path}: cites ${id}, which no file of docs/spec holds`)
  )
}

/** Ids written twice, rules without a test, and citations of rules that do not exist. */
export const ruleProblems = (
  specs: ReadonlyArray<TextFile>,
  tests: ReadonlyArray<TextFile>
): ReadonlyArray<Problem> => {
  const rules = rulesOf(specs)
  const citations = citationsOf(tests)
  const known = new Set(rules.map((rule) => rule.id))
  const tested = new Set(citations.filter((one) => one.isTest).map((one) => one.id))
  const twice = rules.filter((rule, index) => rules.findIndex((other) => other.id === rule.id) !== index)
  const unknown = citations.filter((one) => !known.has(one.id))
  return [
    ...twice.map((rule) => `${rule.path}: ${rule.id} is given twice`),
    ...rules.filter((rule) => !tested.has(rule.id)).map((rule) => `${rule.path}: no test title begins with ${rule.id}`),
    ...new Set(unknown.map((one) => `${one.path}: cites ${one.id}, which no file of docs/spec holds`))
  ]
}
