/**
 * Runs the server and Vite's dev server side by side, both restarting on changes, until Ctrl-C or until one of them ends.
 *
 * Flags go to the server: `npm run dev -- --port 4000`.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

/** Both inherit our terminal, so both hear its Ctrl-C themselves. */
const start = (cwd: string, command: string, args: ReadonlyArray<string>) =>
  spawn(command, args, { cwd, stdio: "inherit" })

const children = [
  start(root, process.execPath, ["--watch", "apps/server/src/main.ts", ...process.argv.slice(2)]),
  start(join(root, "apps", "web"), "vite", [])
]

for (const child of children) {
  child.on("exit", (code) => {
    process.exitCode ??= code ?? 1
    for (const other of children) if (other.exitCode === null && other.signalCode === null) other.kill("SIGTERM")
  })
}
// Without a listener the signal would end us before the two have ended.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => children.forEach((child) => child.kill(signal)))
