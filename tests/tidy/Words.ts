/**
 * The words of `docs/ontology.md`, from their other side: words that say nothing do not name our files and exports.
 */
import { exportsOf } from "./Syntax.ts"
import { isSource, type Problem, type TextFile } from "./Tree.ts"

/** Each avoided word, and what to ask oneself instead. */
const avoided: Readonly<Record<string, string>> = {
  manager: "say what it does to what",
  data: "say what it is: entries, updates, rows, bytes",
  payload: "say what it is: an update, a sealed body, a message",
  payloads: "say what they are: updates, sealed bodies, messages",
  temp: "say what it is for",
  tmp: "say what it is for",
  handler: "say what it answers or does",
  handlers: "say what they answer or do",
  util: "name the file after its one concept",
  utils: "name the file after its one concept",
  helper: "name it after what it does",
  helpers: "name the file after its one concept",
  misc: "name the file after its one concept",
  common: "name the file after its one concept"
}

/** Words that stand alone in no name, though they may end one: a state is the state of something. */
const avoidedAlone: Readonly<Record<string, string>> = { state: "a state of what?" }

/** Runs of words that are allowed although one of them is avoided. */
const allowedPhrases: ReadonlyArray<{ readonly words: ReadonlyArray<string>; readonly reason: string }> = [
  { words: ["data", "folder"], reason: "the server's folder is called that in its flags, README and messages" },
  { words: ["additional", "data"], reason: "the term of AES-GCM for what is authenticated and not encrypted" }
]

/** `SyncState`, `tooBigFor`, `store-dexie`, `MAX_BYTES` as lower-case words. */
export const wordsOf = (name: string): ReadonlyArray<string> =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase())

const withoutPhrases = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  let text = ` ${words.join(" ")} `
  for (const phrase of allowedPhrases) text = text.replace(` ${phrase.words.join(" ")} `, " ")
  return text.split(" ").filter((word) => word !== "")
}

/** Why a name should be another, or `undefined`. */
export const whyAvoided = (name: string): string | undefined => {
  const words = wordsOf(name)
  const alone = words.length === 1 ? avoidedAlone[words[0] ?? ""] : undefined
  if (alone !== undefined) return `"${name}": ${alone}`
  const word = withoutPhrases(words).find((one) => Object.hasOwn(avoided, one))
  return word === undefined ? undefined : `"${name}" holds the word ${word}: ${avoided[word]}`
}

/** File names of the whole tree, exported names of the source. */
export const wordProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files.flatMap((file) => {
    const baseName = file.path.split("/").at(-1)?.replace(/\..*$/, "") ?? ""
    const names = [baseName, ...(isSource(file) ? exportsOf(file) : [])]
    return names.flatMap((name) => {
      const why = whyAvoided(name)
      return why === undefined ? [] : [`${file.path}: ${why}`]
    })
  })

/** How files of the packages are named: after their concept, or a helper of the package in `internal`. */
const namedAsTheirKind: ReadonlyArray<{ readonly folder: RegExp; readonly name: RegExp; readonly kind: string }> = [
  { folder: /^packages\/[^/]+\/src\/([^/]+\/)*internal\//, name: /^[a-z]\w*\.tsx?$/, kind: "camelCase in internal/" },
  { folder: /^packages\/[^/]+\/src\/bin\//, name: /^[a-z][\w-]*\.ts$/, kind: "a program's name in bin/" },
  {
    folder: /^packages\/[^/]+\/src\/$/,
    name: /^([A-Z]\w*\.tsx?|use[A-Z]\w*\.tsx?|(index|worker)\.ts)$/,
    kind: "PascalCase or useX"
  },
  { folder: /^packages\/[^/]+\/src\/./, name: /^([A-Z]\w*\.tsx?|use[A-Z]\w*\.tsx?)$/, kind: "PascalCase or useX" }
]

/** Source files of the packages are named after their concept; only entries are called `index.ts` and `worker.ts`. */
export const fileNameProblems = (files: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  files.filter(isSource).flatMap((file) => {
    const split = file.path.lastIndexOf("/") + 1
    const rule = namedAsTheirKind.find((one) => one.folder.test(file.path.slice(0, split)))
    if (rule === undefined || rule.name.test(file.path.slice(split))) return []
    return [`${file.path}: a file here is named ${rule.kind}`]
  })
