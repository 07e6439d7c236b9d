/** The disk of the World's server in memory. */
import { Layer } from "effect"
import { entryKinds, type WorkspaceId } from "@tidemark/protocol"
import {
  Access,
  Callers,
  CheckpointsMemory,
  FanOut,
  Live,
  LogMemory,
  MemoryStore,
  type MemoryWorkspace,
  RefillLeases,
  Roster,
  SyncService,
  Tokens
} from "@tidemark/server"
import {
  checkpointGraceMillis,
  type DurableEntry,
  quotaBytesMax,
  requestsPerSecondMax,
  type ServerStorage,
  type StorageOptions
} from "./ServerStorage.ts"

type Workspaces = Map<WorkspaceId, MemoryWorkspace>

export const makeMemoryStorage = ({ primitives, secret: firstSecret }: StorageOptions): ServerStorage => {
  let secret = firstSecret
  let workspaces: Workspaces = new Map()
  const layerOf = () =>
    SyncService.layer.pipe(
      Layer.provideMerge(Live.layer),
      Layer.provideMerge(Access.layer),
      Layer.provideMerge(Callers.layer({ requestsPerSecondMax })),
      Layer.provideMerge(Tokens.layer(secret)),
      Layer.provideMerge(CheckpointsMemory.layer({ checkpointGraceMillis })),
      Layer.provideMerge(LogMemory.layer({ workspaceBytesMax: storage.quotaBytes })),
      Layer.provideMerge(Roster.layerMemory),
      Layer.provide(RefillLeases.layerMemory),
      Layer.provideMerge(Layer.succeed(MemoryStore)({ workspaces })),
      Layer.provideMerge(FanOut.layer),
      Layer.provideMerge(primitives)
    )
  const storage: ServerStorage = {
    quotaBytes: quotaBytesMax,
    get layer() {
      return Layer.fresh(layerOf())
    },
    entries: (workspace) => {
      const held = workspaces.get(workspace)
      return held === undefined ? [] : held.entries.map((entry) => durable(held, entry))
    },
    entryAt: (workspace, seq) => {
      const held = workspaces.get(workspace)
      const entry = held?.entries[seq - 1]
      return held === undefined || entry === undefined ? undefined : durable(held, entry)
    },
    has: (workspace, device, deviceSeq) =>
      workspaces.get(workspace)?.storedByDevice.get(device)?.has(deviceSeq) === true,
    logOf: (workspace) => {
      const row = workspaces.get(workspace)?.row
      return row === undefined ? undefined : { id: row.logId, end: { seq: row.head, chain: row.chain } }
    },
    statements: (workspace) => workspaces.get(workspace)?.statements ?? [],
    copy: () => {
      const kept = { workspaces: copyOf(workspaces), secret }
      return {
        putBack: () => {
          workspaces = copyOf(kept.workspaces)
          secret = kept.secret
        }
      }
    },
    wipe: (next = secret) => {
      workspaces = new Map()
      secret = next
    },
    dispose: () => undefined
  }
  return storage
}

const durable = ({ checkpoints }: MemoryWorkspace, entry: MemoryWorkspace["entries"][number]): DurableEntry => ({
  ...entry,
  isReplaced:
    entry.kind !== entryKinds.checkpoint &&
    checkpoints.some(({ doc, place }) => doc === entry.doc && place >= entry.seq)
})

/** Nothing stored is ever changed in place but the maps and lists themselves. */
const copyOf = (workspaces: Workspaces): Workspaces =>
  new Map(
    [...workspaces].map(([id, held]) => [
      id,
      {
        row: held.row,
        entries: [...held.entries],
        checkpoints: held.checkpoints,
        storedByDevice: new Map([...held.storedByDevice].map(([device, stored]) => [device, new Map(stored)])),
        statements: [...held.statements],
        lastSeenByDevice: new Map(held.lastSeenByDevice),
        cursorByDevice: new Map(held.cursorByDevice)
      }
    ])
  )
