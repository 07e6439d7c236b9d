/**
 * The source tree as the tidy checks see it: every text file of the repository, read once.
 *
 * Checks are pure functions over a list of these files, so that a test can hand them invented ones and watch them fail.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** One file: its path from the root of the repository, with `/`, and its text. */
export interface TextFile {
  readonly path: string
  readonly text: string
}

/** A sentence about one file, as a reader should see it: `path: what is wrong`. */
export type Problem = string

const root = join(import.meta.dirname, "..", "..")

/** Made by tools, or not ours. */
const foldersNotRead = new Set(["node_modules", "dist", ".types", ".git", ".turbo", "coverage", "data", "patches"])

const filesNotRead = new Set(["package-lock.json"])

const readEndings = [".ts", ".tsx", ".mjs", ".js", ".json", ".md", ".sql", ".sh", ".css", ".html", ".yml"]

const isRead = (name: string): boolean =>
  !filesNotRead.has(name) && (readEndings.some((ending) => name.endsWith(ending)) || name === "run")

const pathsUnder = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return foldersNotRead.has(entry.name) ? [] : pathsUnder(path)
    return entry.isFile() && isRead(entry.name) ? [path] : []
  })

/** Every text file of the repository, in the order of their paths. */
export const tree: ReadonlyArray<TextFile> = pathsUnder("")
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))

/** The lockfile, apart from the tree because only one check needs its megabyte. */
export const readLockfile = (): string => readFileSync(join(root, "package-lock.json"), "utf8")

const isCode = (path: string): boolean => /\.tsx?$/.test(path) && !path.endsWith(".gen.ts") && !path.endsWith(".d.ts")

/** Code that ships: `packages/x/src` and `apps/x/src`, without what generators write. */
export const isSource = (file: TextFile): boolean =>
  /^(packages|apps)\/[^/]+\/src\//.test(file.path) && isCode(file.path)

/** Code of tests and of what they share: everything in a `test` folder or under `tests`. */
export const isTest = (file: TextFile): boolean =>
  (/^(packages|apps)\/[^/]+\/test\//.test(file.path) || file.path.startsWith("tests/")) && isCode(file.path)

/** Code that holds test titles: tests, and the contract suites that `packages/testing` exports. */
export const holdsTests = (file: TextFile): boolean =>
  isTest(file) || (file.path.startsWith("packages/testing/src/") && isCode(file.path))

/** The workspace a file belongs to, such as `packages/sync`; `undefined` for files of the root. */
export const workspaceOf = (path: string): string | undefined => /^(?:packages|apps)\/[^/]+/.exec(path)?.[0]
