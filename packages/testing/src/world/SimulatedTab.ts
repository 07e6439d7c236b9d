/**
 * One tab of a simulated device: the real replica over the device's disk, in a process of its own.
 *
 * It first brings the workspace onto the disk if there is none (by founding or joining), then opens a replica. Killed, it
 * loses its store before anything else of it runs, as a killed tab does.
 */
import { Cause, Context, Effect, Exit, Layer, Result, Schedule, Scope, Stream } from "effect"
import { decodeLink, type Primitives } from "@tidemark/crypto"
import {
  createWorkspace,
  FoldLimits,
  joinWorkspace,
  layerPartsAtHand,
  Replica,
  SealableLimits,
  type ServerApi
} from "@tidemark/replica"
import { CheckpointLimits, FirstSlice, LocalStore, LocalStoreMemory, type SyncStatus } from "@tidemark/sync"
import { updateLimits } from "@tidemark/model"
import type { Profile } from "./Profile.ts"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { SimulatedProcess } from "./SimulatedProcess.ts"
import { worldSchema } from "./WorldSchema.ts"

/** What a tab is opened with. */
export interface TabParts {
  readonly process: SimulatedProcess
  readonly primitives: Layer.Layer<Primitives>
  readonly api: Layer.Layer<ServerApi>
}

/** Where every device thinks the server is. */
const origin = "https://world.test"

export class SimulatedTab {
  readonly device: SimulatedDevice
  readonly process: SimulatedProcess
  replica: Replica["Service"] | undefined
  /** What its engine shows. */
  status: SyncStatus | undefined
  isSyncing = false
  /** Changes asked for and not answered. */
  pendingChanges = 0
  isClosing = false
  /** A link was asked for and has not come. */
  isSharing = false
  readonly #storeScope = Scope.makeUnsafe()
  readonly #scope = Scope.makeUnsafe()

  constructor(device: SimulatedDevice, parts: TabParts) {
    this.device = device
    this.process = parts.process
    this.process.run(this.#opened(parts), (exit) => {
      if (Exit.isSuccess(exit)) {
        this.replica = exit.value
        this.#watch(exit.value)
        device.tabReady(this)
      } else device.tabFailed(this, Cause.squash(exit.cause))
    })
  }

  get name(): string {
    return this.process.name
  }

  /** Whether it takes the user's changes. */
  get isOpen(): boolean {
    return this.replica !== undefined && !this.process.isDead && !this.isClosing
  }

  /** Takes the lock's work on, until another tab's nonce stands in the store. */
  startSync(ended: () => void): void {
    const { replica } = this
    if (replica === undefined || this.isSyncing) return
    this.isSyncing = true
    this.process.run(replica.sync, (exit) => {
      this.isSyncing = false
      this.status = undefined
      this.device.syncEnded(this, exit)
      ended()
    })
  }

  /** Dies where it stands. */
  kill(): void {
    if (this.process.isDead) return
    this.process.kill(Scope.close(this.#storeScope, Exit.void))
    this.process.bury(Scope.close(this.#scope, Exit.void))
    this.isSyncing = false
  }

  #watch(replica: Replica["Service"]): void {
    const follow = Stream.runForEach(replica.status, (status) =>
      Effect.sync(() => {
        const shown = wordsOf(status)
        if (this.status === undefined || wordsOf(this.status) !== shown) {
          this.device.world.chronicle.note(`${this.name} shows ${shown}`)
          this.device.world.chronicle.count(`status: ${shown}`)
        }
        this.status = status
      })
    )
    this.process.run(follow, () => undefined)
    // As in every tab of the app: whoever hears of damage mends what it can.
    const counts = replica.counts.pipe(Stream.retry(Schedule.spaced("5 seconds")))
    if (this.device.world.rot.isOn) this.process.run(Stream.runDrain(counts), () => undefined)
  }

  #opened({ api, primitives }: TabParts): Effect.Effect<Replica["Service"], unknown> {
    const { device } = this
    const scope = this.#scope
    return Effect.gen({ self: this }, function* (this: SimulatedTab) {
      const opened = yield* Scope.provide(LocalStoreMemory.open(device.disk, device.hooksOf(this)), this.#storeScope)
      const store = Layer.succeed(LocalStore)(device.world.sabotage?.store?.(opened) ?? opened)
      const ports = Layer.mergeAll(store, primitives, api)
      if (!device.isInstalled) yield* Effect.provide(bringWorkspace(device), ports)
      const options = { schema: worldSchema, tab: `${this.name} ${this.process.random.below(2 ** 31)}` }
      const replicaLayer = Replica.layer(options).pipe(
        Layer.provide([ports, layerPartsAtHand]),
        Layer.provide(smallSteps(device.world.profile))
      )
      const context = yield* Layer.buildWithScope(replicaLayer, scope)
      const replica = Context.get(context, Replica)
      const identity = yield* replica.identity
      device.identified(identity.workspace)
      return replica
    })
  }
}

/** Histories are short here: a doc of a few edits is long, an update of a few operations, and a pull of a dozen entries too. */
const smallSteps = ({ operationsMax, tailCountMax }: Profile) =>
  Layer.mergeAll(
    Layer.succeed(FirstSlice)(8),
    Layer.succeed(SealableLimits)({ ...updateLimits, operationsMax }),
    Layer.succeed(FoldLimits)({ countMax: tailCountMax, bytesMax: 1_048_576, noteBytesMin: 65_536 }),
    Layer.succeed(CheckpointLimits)({ entriesMin: tailCountMax, bytesMin: 131_072 })
  )

const wordsOf = (status: SyncStatus): string =>
  status._tag === "Stalled" ? `${status._tag} (${status.cause})` : status._tag

/** Founds the workspace, or joins it by the device's link, and writes it to the store. */
const bringWorkspace = Effect.fnUntraced(function* (device: SimulatedDevice) {
  const { name } = device
  if (device.link === undefined) return yield* (yield* createWorkspace({ origin, name })).install
  const link = decodeLink(device.link)
  if (Result.isFailure(link)) return yield* link.failure
  const { install } = yield* joinWorkspace({ link: link.success, name })
  return yield* install
})
