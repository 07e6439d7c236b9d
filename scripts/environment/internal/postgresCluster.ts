/**
 * Makes the files of a throwaway PostgreSQL cluster, owned by an account that PostgreSQL accepts.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { postgresPrograms } from "./postgresPrograms.ts"
import { type RunAs, runProcess } from "./runProcess.ts"
import { unprivilegedUser } from "./unprivilegedUser.ts"

export const superuser = "tidemark"

/** A cluster on disk that no server runs on yet. `cluster/` may be a link to another disk. */
export interface Cluster {
  /** Holds `cluster/`, the server's log and the password file. */
  readonly folder: string
  /** The folder with the server's programs. */
  readonly programs: string
  readonly password: string
  readonly runAs: RunAs | undefined
}

/**
 * Runs `initdb` in a new temporary folder; leaves nothing behind when it fails. With `disk`, a folder that everybody may
 * enter, the database's own files lie there.
 */
export const makeCluster = async (disk?: string): Promise<Cluster> => {
  const programs = await postgresPrograms()
  const runAs = unprivilegedUser()
  const folder = mkdtempSync(join(tmpdir(), "tidemark-postgres-"))
  chmodSync(folder, 0o700)
  const password = randomBytes(24).toString("hex")
  const passwordFile = join(folder, "password")
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (runAs !== undefined) {
    chownSync(folder, runAs.uid, runAs.gid)
    chownSync(passwordFile, runAs.uid, runAs.gid)
  }
  if (disk !== undefined) {
    const place = mkdtempSync(join(disk, "cluster-"))
    if (runAs !== undefined) chownSync(place, runAs.uid, runAs.gid)
    symlinkSync(place, join(folder, "cluster"))
  }
  try {
    await runProcess(
      join(programs, "initdb"),
      [
        ...["-D", join(folder, "cluster"), "-U", superuser, "--pwfile", passwordFile],
        ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
      ],
      { runAs, cwd: folder }
    )
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error("a throwaway PostgreSQL cluster could not be made", { cause })
  }
  return { folder, programs, password, runAs }
}
