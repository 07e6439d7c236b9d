/**
 * Installs Debian packages where that is possible: apt is there and we are root.
 *
 * Two runs at once are harmless: apt waits for the other's lock.
 */
import { findOnPath } from "./findProgram.ts"
import { runProcess } from "./runProcess.ts"

/** How long apt waits for another run of apt or dpkg to finish. */
const lockWaitSecondsMax = 300

/** Why packages cannot be installed here, or `undefined` when they can. */
export const whyAptCannotInstall = (): string | undefined => {
  if (findOnPath(["apt-get"]) === undefined) return "there is no apt-get on this machine"
  if (process.getuid?.() !== 0) return "apt-get needs root, and this run is not root"
  return undefined
}

/** Runs `apt-get update` and installs the newest version of each package; rejects with apt's own last lines. */
export const aptInstall = async (packages: ReadonlyArray<string>): Promise<void> => {
  const options = {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    isShown: true
  }
  const lock = ["-o", `DPkg::Lock::Timeout=${lockWaitSecondsMax}`]
  process.stderr.write(`tidemark: installing ${packages.join(", ")} with apt-get\n`)
  await runProcess("apt-get", [...lock, "-q", "update"], options)
  await runProcess("apt-get", [...lock, "-q", "install", "-y", "--no-install-recommends", ...packages], options)
}
