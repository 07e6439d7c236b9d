/** The Loro floor whose clients also coalesce, and hold nothing but memory. */
import type { SystemClients } from "../System.ts"
import { coalescingSession } from "./loroCoalescing.ts"

export const clients: SystemClients = {
  connect: async ({ url }) =>
    coalescingSession(url, {
      pack: (update, send) => send(update),
      unpack: (frames, show) => show(frames)
    })
}
