/** A real server on a free loopback port, and devices that reach it over HTTP and a real socket. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer, Logger, Option, type Scope, Stream } from "effect"
import { HttpServer } from "effect/http"
import { Socket } from "effect/socket"
import { requestsPerSecondMax, workspaceBytesMaxDefault } from "@tidemark/protocol"
import { decodeLink, Primitives } from "@tidemark/crypto"
import { createWorkspace, Fetch, joinWorkspace, layerPartsAtHand, Replica, ServerHttp } from "@tidemark/replica"
import { ServerHttp as Process } from "@tidemark/server"
import { LocalStoreMemory, MemoryDisk, type SyncStatus } from "@tidemark/sync"
import { Notes } from "./tabs.ts"

/** A folder for one server's data, removed with the scope. */
export const dataFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tidemark-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Starts a server for the scope and returns its origin. Port 0 takes any free one. `log` gets its log lines. */
export const startServer = Effect.fnUntraced(function* (
  folder: string,
  port = 0,
  log?: Array<string>,
  workspaceBytesMax = workspaceBytesMaxDefault
): Effect.fn.Return<string, unknown, Scope.Scope> {
  const context = yield* Layer.build(
    Process.layer({
      port,
      host: "127.0.0.1",
      dataFolder: folder,
      webFolder: join(folder, "no app"),
      workspaceBytesMax,
      requestsPerSecondMax,
      databaseUrl: Option.none()
    }).pipe(
      Layer.provide(Logger.layer(log === undefined ? [] : [Logger.map(Logger.formatLogFmt, (line) => log.push(line))]))
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return `http://127.0.0.1:${"port" in address ? address.port : 0}`
})

/** Sees every request on its way; a request it returns is sent instead, an answer is given instead. */
export type Fetched = (url: string, init: RequestInit) => RequestInit | Response | void

/** Sees every message of bytes that a socket is to send; what it returns false for is not sent. */
export type Sent = (socket: WebSocket) => boolean

const layerSocket = (sent: Sent) =>
  Layer.succeed(Socket.WebSocketConstructor, (address) => {
    const socket = new globalThis.WebSocket(address)
    const send = socket.send.bind(socket)
    socket.send = (message) => {
      if (typeof message === "string" || sent(socket)) send(message)
    }
    return socket
  })

/** Passes text and no bytes, as some middleboxes do: pushes take the other way, where `fetched` sees them. */
const textOnly: Sent = () => {
  throw new Error("only text passes here")
}

/** Sees how many bytes the body of each answer has. */
export type Answered = (url: string, bytes: number) => void

/** What a device stands on. Where its requests are looked at, its pushes are requests. */
export const platform = (
  fetched?: Fetched,
  sent: Sent = fetched === undefined ? () => true : textOnly,
  answered?: Answered
) =>
  Layer.mergeAll(
    Primitives.layerWebCrypto,
    layerPartsAtHand,
    layerSocket(sent),
    Layer.succeed(Fetch, async (url, init) => {
      const instead = fetched?.(url, init)
      if (instead instanceof Response) return instead
      const response = await globalThis.fetch(url, instead ?? init)
      answered?.(url, Number(response.headers.get("content-length") ?? 0))
      return response
    })
  )

export interface Device {
  readonly disk: MemoryDisk
  readonly replica: Replica["Service"]
}

/** Opens what a disk holds, and syncs it for as long as the scope lasts. */
export const openDevice = Effect.fnUntraced(function* (
  disk: MemoryDisk,
  fetched?: Fetched,
  hooks?: LocalStoreMemory.MemoryHooks,
  sent?: Sent,
  answered?: Answered
) {
  const layer = Replica.layerHttp({ schema: Notes, tab: "only" }).pipe(
    Layer.provide(LocalStoreMemory.layer(disk, hooks)),
    Layer.provide(platform(fetched, sent, answered))
  )
  const replica = Context.get(yield* Layer.build(layer), Replica)
  yield* Effect.forkScoped(replica.sync)
  const device: Device = { disk, replica }
  return device
})

/** A new workspace on a new device. */
export const createOn = Effect.fnUntraced(function* (origin: string) {
  const disk = new MemoryDisk()
  const made = yield* createWorkspace({ origin, name: "ours" })
  yield* Effect.provide(made.install, LocalStoreMemory.layer(disk))
  return disk
}, Effect.provide(platform()))

/** A new device that joins by a link. */
export const joinBy = Effect.fnUntraced(function* (text: string) {
  const disk = new MemoryDisk()
  const link = yield* Effect.fromResult(decodeLink(text))
  const joined = yield* Effect.provide(joinWorkspace({ link, name: "theirs" }), ServerHttp.layer(link.origin))
  yield* Effect.provide(joined.install, LocalStoreMemory.layer(disk))
  return disk
}, Effect.provide(platform()))

/** Waits until the device's status is one of these. */
export const reaches = (device: Device, ...tags: ReadonlyArray<SyncStatus["_tag"]>) =>
  device.replica.status.pipe(
    Stream.filter(({ _tag }) => tags.includes(_tag)),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )

export const synced = (device: Device) => reaches(device, "Synced")

/** Nothing of its own waits to be sent. */
export const isSent = (disk: MemoryDisk) => disk.unsealed.size + disk.sealed.size === 0

/** A link for one device, good for an hour. */
export const linkFor = (device: Pick<Device, "replica">, role: "owner" | "editor" | "reader") =>
  device.replica.share({ role, expiresAt: Date.now() + 3_600_000, uses: 1 })

/** Waits until a commit makes `holds` true of the disk. */
export const until = (disk: MemoryDisk, holds: (disk: MemoryDisk) => boolean) =>
  Effect.callback<void>((resume) => {
    const look = () => {
      if (!holds(disk)) return
      disk.outboxListeners.delete(look)
      resume(Effect.void)
    }
    disk.outboxListeners.add(look)
    look()
    return Effect.sync(() => disk.outboxListeners.delete(look))
  })
