/**
 * Whom to run a program as when we are root and the program refuses root (PostgreSQL does).
 */
import { readFileSync } from "node:fs"
import type { RunAs } from "./runProcess.ts"

/** Accounts that every Debian has, or gets with PostgreSQL; the first one found is used. */
const candidateNames = ["postgres", "nobody"]

/** The ids of `name` in the text of a passwd file, or `undefined`. */
const userOfPasswd = (passwd: string, name: string): RunAs | undefined => {
  const fields = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .find((line) => line[0] === name)
  const uid = Number(fields?.[2])
  const gid = Number(fields?.[3])
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { uid, gid } : undefined
}

/** `undefined` when we are not root already; throws when we are root and no account is known. */
export const unprivilegedUser = (): RunAs | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const passwd = readFileSync("/etc/passwd", "utf8")
  for (const name of candidateNames) {
    const user = userOfPasswd(passwd, name)
    if (user !== undefined) return user
  }
  throw new Error(`running as root, and none of the accounts ${candidateNames.join(", ")} exists to run PostgreSQL as`)
}
