/**
 * The floor for W3 of a system whose clients are durable too: a writer syncs each edit to a file of its own before it sends it, the
 * relay syncs it, and a reader writes it to its file before it shows it, without a sync, since the relay has it. Two syncs, one after
 * the other, and nothing else.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { SystemClients } from "../System.ts"
import { plainSession } from "./plainClients.ts"

export const clients: SystemClients = {
  connect: async ({ folder, url }) => {
    const storeFile = join(folder, "frames")
    const file = openSync(storeFile, "a")
    const session = plainSession(url, (frames, areOwn) => {
      for (const frame of frames) writeSync(file, frame)
      if (areOwn) fdatasyncSync(file)
    })
    return {
      ...session,
      storeFile,
      close: async () => {
        await session.close()
        closeSync(file)
      }
    }
  }
}
