/**
 * Links between our own pages, and the pages that docstrings name, lead somewhere.
 */
import { isSource, type Problem, type TextFile } from "./Tree.ts"

const withoutCode = (text: string): string => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").replace(/`[^`\n]*`/g, "")

/** The anchor that a heading gets on GitHub: lower case, without punctuation, spaces as hyphens. */
export const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-")

const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^#{1,6}\s+(.*)$/gm)].map((match) => anchorOf(match[1] ?? "")))

const targetsOf = (text: string): ReadonlyArray<string> => {
  const inline = [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)]
  const definitions = [...withoutCode(text).matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)]
  return [...inline, ...definitions]
    .map((match) => match[1] ?? "")
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/.test(target))
}

const resolved = (from: string, target: string): string =>
  decodeURIComponent(new URL(target, `file:///${from}`).pathname.slice(1)).replace(/\/$/, "")

/** Relative links of Markdown files whose file, folder or heading is not there. `pathExists` answers for what is no text. */
export const linkProblems = (
  files: ReadonlyArray<TextFile>,
  pathExists: (path: string) => boolean
): ReadonlyArray<Problem> => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return files
    .filter((file) => file.path.endsWith(".md"))
    .flatMap((file) =>
      targetsOf(file.text).flatMap((target) => {
        const [pathPart = "", anchor] = target.split("#")
        const path = pathPart === "" ? file.path : resolved(file.path, pathPart)
        const page = byPath.get(path)
        if (page === undefined && !pathExists(path)) return [`${file.path}: links to ${target}, which is not there`]
        if (anchor === undefined || page === undefined || !path.endsWith(".md")) return []
        return anchorsOf(page.text).has(anchor) ? [] : [`${file.path}: links to ${target}, which has no such heading`]
      })
    )
}

/** Pages under `docs` that source files name in comments and that are not there. */
export const namedPageProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> => {
  const paths = new Set(files.map((file) => file.path))
  return files.filter(isSource).flatMap((file) => {
    const named = new Set(file.text.match(/\bdocs\/[\w./-]*\w\.md\b/g) ?? [])
    return [...named]
      .filter((path) => !paths.has(path))
      .map((path) => `${file.path}: names ${path}, which is not there`)
  })
}
