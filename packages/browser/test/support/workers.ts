/** Workers as they are, but for their thread: the real RPC over a MessageChannel, the real calls, memory for a disk. */
import * as BrowserWorkerRunner from "@effect/platform-browser/BrowserWorkerRunner"
import { Primitives } from "@tidemark/crypto"
import { Table, Workspace } from "@tidemark/model"
import type { WorkspaceId } from "@tidemark/protocol"
import { Fetch, layerPartChunks } from "@tidemark/replica"
import { LocalStoreMemory, MemoryDisk } from "@tidemark/sync"
import { Effect, Fiber, Layer, Schema } from "effect"
import { RpcServer } from "effect/rpc"
import { Socket } from "effect/socket"
import { layerWorkerCalls, type WorkspaceShelf } from "../../src/WorkerCalls.ts"
import { WorkspaceRpc } from "../../src/WorkspaceRpc.ts"

export const Notes = Workspace.make("notes", {
  tables: { tasks: Table.make({ title: Schema.String, done: Schema.Boolean }, { indexes: ["done"] }) }
})

/** The disks of one browser profile. */
export interface Profile {
  readonly disks: Map<WorkspaceId, MemoryDisk>
  readonly names: Map<WorkspaceId, string>
}

export const makeProfile = (): Profile => ({ disks: new Map(), names: new Map() })

/** The shelf over a profile. */
export const shelfOf = ({ disks, names }: Profile): WorkspaceShelf => ({
  store: (workspace) =>
    Layer.unwrap(
      Effect.sync(() => {
        const disk = disks.get(workspace) ?? new MemoryDisk()
        disks.set(workspace, disk)
        return LocalStoreMemory.layer(disk)
      })
    ),
  has: (workspace) => Effect.sync(() => names.has(workspace)),
  register: ({ name, workspace }) => Effect.sync(() => void names.set(workspace, name))
})

/** No network: every request fails at once. */
const layerOffline = Layer.mergeAll(
  Primitives.layerWebCrypto,
  layerPartChunks,
  Layer.succeed(Fetch, () => Promise.reject(new TypeError("There is no network in this test"))),
  Layer.succeed(Socket.WebSocketConstructor, () => {
    throw new Error("There is no network in this test")
  })
)

/** A worker, from the page's side. */
export interface TestWorker {
  readonly port: MessagePort
  /** Ends it as a crash does: nothing is answered any more, its locks are freed. */
  readonly kill: Effect.Effect<void>
}

/** Starts a worker over a shelf; the scope's end kills it. */
export const startTestWorker = Effect.fnUntraced(function* (shelf: WorkspaceShelf) {
  const { port1, port2 } = new MessageChannel()
  const calls = layerWorkerCalls({
    schema: Notes,
    shelf,
    locks: globalThis.navigator.locks,
    platform: layerOffline
  })
  const server = RpcServer.layer(WorkspaceRpc, { disableFatalDefects: true, disableTracing: true }).pipe(
    Layer.provide(calls),
    Layer.provide(RpcServer.layerProtocolWorkerRunner),
    Layer.provide(BrowserWorkerRunner.layerMessagePort(port1))
  )
  // A fiber of its own, as a worker has a thread of its own: its end interrupts whoever started the server.
  const running = yield* Effect.forkDetach(Layer.launch(server), { startImmediately: true })
  const kill = Effect.andThen(
    Effect.sync(() => port1.close()),
    Fiber.interrupt(running)
  )
  yield* Effect.addFinalizer(() => kill)
  return { port: port2, kill } satisfies TestWorker
})

export const awakePage = { visible: true, online: true, frozen: false }
