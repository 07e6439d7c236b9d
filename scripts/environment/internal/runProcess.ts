/**
 * Runs a program to its end, for the scripts that prepare a test environment.
 *
 * A program that cannot be started and one that ends with a code other than 0 are both failures; the error carries the
 * last lines it wrote, because that is where installers say what is wrong.
 */
import { spawn } from "node:child_process"

/** How much of a failed program's output is kept for the error. */
const outputKeptCharsMax = 4_000

/** Who a program runs as; `undefined` means whoever runs this script. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** What a run may set; the environment is added to our own. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly runAs?: RunAs | undefined
  readonly cwd?: string
  /** Copies the program's output to ours while it runs: for installers, which take minutes. */
  readonly isShown?: boolean
}

/** Runs `command` and resolves with what it wrote to stdout; rejects with an `Error` that quotes its last output. */
export const runProcess = (command: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.runAs === undefined ? {} : options.runAs)
    })
    let stdout = ""
    let output = ""
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-outputKeptCharsMax)
      if (options.isShown === true) process.stderr.write(chunk)
    }
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8")
      keep(chunk)
    })
    child.stderr.on("data", keep)
    child.on("error", (cause) => reject(new Error(`${command} could not be started: ${cause.message}`, { cause })))
    child.on("close", (code, signal) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}:\n${output.trim()}`))
    })
  })
