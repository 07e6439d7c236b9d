/**
 * The floor of clients that are end-to-end encrypted, signed and durable: as the coalescing Loro floor, and each frame is sealed,
 * signed and synced to the client's own file before it is sent; a reader verifies it, opens it and writes it to its own file before it
 * shows it, without a sync, since the server has it.
 */
import { join } from "node:path"
import type { SystemClients } from "../System.ts"
import { openClientJournal } from "./clientJournal.ts"
import { coalescingSession } from "./loroCoalescing.ts"
import { makeFrameSealer } from "./sealedFrames.ts"

export const clients: SystemClients = {
  connect: async ({ folder, url }) => {
    const storeFile = join(folder, "frames")
    const journal = openClientJournal(storeFile)
    const sealer = makeFrameSealer()
    const session = coalescingSession(url, {
      pack: (update, send) => {
        const frame = sealer.seal(update)
        journal.keep([frame], () => send(frame))
      },
      unpack: (frames, show) => {
        const updates = frames.flatMap((frame) => sealer.open(frame) ?? [])
        if (updates.length === 0) return
        journal.note(frames)
        show(updates)
      }
    })
    return {
      ...session,
      storeFile,
      close: async () => {
        await session.close()
        journal.close()
      }
    }
  }
}
