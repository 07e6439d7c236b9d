/**
 * Inputs that once failed, or that a decoder is known to trip over, kept for ever and run in the fast tests.
 *
 * One file an input: `corpus/<target, words joined by hyphens>/<what it is>.txt`, base64 in lines.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { FuzzTarget } from "./FuzzTarget.ts"

const corpusFolder = join(import.meta.dirname, "corpus")
/** Characters of base64 in one line. */
const lineLength = 120

/** A kept input. `name` says what is odd about it. */
export interface CorpusInput {
  readonly name: string
  readonly input: Uint8Array
}

const folderOf = (target: FuzzTarget): string => join(corpusFolder, target.name.replaceAll(" ", "-"))

/** The kept inputs of a target, by name. */
export const corpusOf = (target: FuzzTarget): ReadonlyArray<CorpusInput> => {
  const folder = folderOf(target)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .toSorted()
    .map((file) => ({
      name: file.replace(/\.txt$/, "").replaceAll("-", " "),
      input: Uint8Array.from(Buffer.from(readFileSync(join(folder, file), "utf8"), "base64"))
    }))
}

/** Keeps an input under a name of words and hyphens. */
export const keepInput = (target: FuzzTarget, name: string, input: Uint8Array): string => {
  const folder = folderOf(target)
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name.replaceAll(/[^A-Za-z0-9]+/g, "-")}.txt`)
  const text = Buffer.from(input).toString("base64")
  writeFileSync(path, `${text.match(new RegExp(`.{1,${lineLength}}`, "g"))?.join("\n") ?? ""}\n`)
  return path
}
