/**
 * Looks for installed programs without starting any.
 */
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"

/** True when `path` is a regular file that we may execute. */
export const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The first of `names` found in a folder of `PATH`, as an absolute path, in the order of `names`. */
export const findOnPath = (names: ReadonlyArray<string>): string | undefined => {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find(isExecutable)
    if (found !== undefined) return found
  }
  return undefined
}
