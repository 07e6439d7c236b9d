/**
 * Finds the newest PostgreSQL server installed here, or installs Debian's.
 */
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { aptInstall, whyAptCannotInstall } from "./aptInstall.ts"
import { findOnPath, isExecutable } from "./findProgram.ts"
import { runProcess } from "./runProcess.ts"

/** Where Debian keeps one folder per major version. */
const debianRoot = "/usr/lib/postgresql"

/** The SQL is kept to what this major version understands. */
const majorVersionMin = 15

/** Folders of `root` that hold `bin/initdb` and `bin/postgres`, newest major version first. */
const versionedFolders = (root: string): ReadonlyArray<string> => {
  let names: ReadonlyArray<string>
  try {
    names = readdirSync(root)
  } catch {
    return []
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .toSorted((left, right) => Number(right) - Number(left))
    .map((name) => join(root, name, "bin"))
}

const isComplete = (folder: string): boolean =>
  isExecutable(join(folder, "initdb")) && isExecutable(join(folder, "postgres"))

const installedFolder = (): string | undefined => {
  const onPath = findOnPath(["postgres"])
  const folders = [...versionedFolders(debianRoot), ...(onPath === undefined ? [] : [dirname(onPath)])]
  return folders.find(isComplete)
}

const checkVersion = async (folder: string): Promise<string> => {
  const text = await runProcess(join(folder, "postgres"), ["--version"])
  const major = Number(/(\d+)/.exec(text)?.[1])
  if (major >= majorVersionMin) return folder
  throw new Error(`${folder} holds ${text.trim()}; the tests need PostgreSQL ${majorVersionMin} or newer`)
}

/**
 * The folder with `initdb` and `postgres`. Rejects with an `Error` that says what is missing and how to get it.
 */
export const postgresPrograms = async (): Promise<string> => {
  const found = installedFolder()
  if (found !== undefined) return checkVersion(found)
  const whyNot = whyAptCannotInstall()
  if (whyNot !== undefined) {
    throw new Error(
      `The SQL tests need a PostgreSQL server. None is in ${debianRoot} or on PATH, and ${whyNot}.\n` +
        "Install one (Debian: apt-get install postgresql), or name a server in TIDEMARK_TEST_PG_URL, then run again."
    )
  }
  await aptInstall(["postgresql"])
  const installed = installedFolder()
  if (installed === undefined) throw new Error(`apt installed postgresql, but ${debianRoot} still holds no server`)
  return checkVersion(installed)
}
