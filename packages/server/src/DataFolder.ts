/**
 * The data folder: the embedded database, the token secret, and the lock that keeps a second process out.
 *
 * The lock is an SQLite `BEGIN EXCLUSIVE` on a side file: the kernel holds it and drops it when the process dies, however
 * it dies. It is never judged by age [DISK-1]. The secret is 32 random bytes in a file of mode 0600, made once, synced
 * with its folder, and refused when it is shorter or readable by others [DISK-2]. Rules: docs/spec/server.md.
 */
import { Effect, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import fs from "node:fs"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"

/** Bytes of the token secret; fewer are refused. */
export const secretBytesMin = 32

/** The folder cannot be used; the message says why and what to do. Nothing was changed in it. */
export class DataFolderRefused extends Schema.TaggedError<DataFolderRefused>()("DataFolderRefused", {
  folder: Schema.String,
  message: Schema.String
}) {}

/** The files of a data folder. */
export interface DataFolder {
  readonly databasePath: string
  readonly secretPath: string
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "an unknown error"

/** Makes a folder and the ones above it. (Node's own `recursive` never returns where the file system refuses, as in /proc.) */
const makeFolder = (folder: string): void => {
  if (fs.existsSync(folder)) return
  const parent = path.dirname(folder)
  if (parent !== folder) makeFolder(parent)
  fs.mkdirSync(folder, { mode: 0o700 })
}

/** Makes the folder if it is missing, for its owner alone. */
export const open = (folder: string): Effect.Effect<DataFolder, DataFolderRefused> =>
  Effect.try({
    try: () => {
      makeFolder(path.resolve(folder))
      fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
      return { databasePath: path.join(folder, "tidemark.sqlite"), secretPath: path.join(folder, "secret") }
    },
    catch: (cause) =>
      new DataFolderRefused({
        folder,
        message: `The data folder ${folder} cannot be written (${codeOf(cause)}). Choose another with --data, or change its owner.`
      })
  })

/** Takes the folder's lock until the scope closes. Fails at once where another process holds it. */
export const lock = (folder: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(path.join(folder, "lock"), { timeout: 0 })
        try {
          database.exec("BEGIN EXCLUSIVE")
        } catch (cause) {
          database.close()
          throw cause
        }
        return database
      },
      catch: () =>
        new DataFolderRefused({
          folder,
          message: `Another process uses the data folder ${folder}. Stop it first, or give this one its own folder with --data.`
        })
    }),
    (database) => Effect.sync(() => database.close())
  )

const syncFolder = (folder: string): void => {
  const handle = fs.openSync(folder, "r")
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

/** Writes a new secret beside the old place and links it there: the first of several processes wins, whole. */
const makeSecret = (secretPath: string): void => {
  const draftPath = `${secretPath}.${process.pid}.new`
  const handle = fs.openSync(draftPath, "wx", 0o600)
  try {
    fs.writeSync(handle, randomBytes(secretBytesMin))
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
  try {
    fs.linkSync(draftPath, secretPath)
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  } finally {
    fs.unlinkSync(draftPath)
  }
  syncFolder(path.dirname(secretPath))
}

const readSecret = (secretPath: string): Uint8Array => {
  if (!fs.existsSync(secretPath)) makeSecret(secretPath)
  return fs.readFileSync(secretPath)
}

/** The token secret of a folder, made on the first start. */
export const secret = Effect.fn("DataFolder.secret")(function* (folder: string) {
  const { secretPath } = yield* open(folder)
  const refuse = (message: string) => new DataFolderRefused({ folder, message })
  const bytes = yield* Effect.try({
    try: () => readSecret(secretPath),
    catch: (cause) =>
      refuse(
        `The token secret ${secretPath} cannot be read (${codeOf(cause)}). Give it back to this user with mode 0600.`
      )
  })
  if (bytes.length < secretBytesMin) {
    return yield* refuse(
      `The token secret ${secretPath} has ${bytes.length} bytes; at least ${secretBytesMin} are needed. ` +
        `Remove the file to make a new one: devices then renew their tokens by themselves.`
    )
  }
  const mode = fs.statSync(secretPath).mode & 0o077
  if (mode !== 0) {
    return yield* refuse(`The token secret ${secretPath} can be read by others. Run: chmod 600 ${secretPath}`)
  }
  return Redacted.make(new Uint8Array(bytes))
})
