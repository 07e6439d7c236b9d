/**
 * One device of a World: a disk that outlives everything, its tabs, and the lock that names the tab that syncs.
 *
 * The disk fails when the World says so, before or after a commit. Everything that is committed passes the chronicle.
 */
import { Cause, Effect, Exit, Schema } from "effect"
import { Cursor, DeviceId, type Role, type WorkspaceId } from "@tidemark/protocol"
import { type LocalStoreMemory, MemoryDisk, metaKeys, StoreFailed } from "@tidemark/sync"
import { watchCommit } from "./CommitWatch.ts"
import type { MissingOperations } from "./MissingOnServer.ts"
import { RelaxedCommits } from "./RelaxedCommits.ts"
import type { ClockError } from "./SimulatedClock.ts"
import { SimulatedTab, type TabParts } from "./SimulatedTab.ts"
import type { World } from "./World.ts"

/** The next thing the disk will do wrong. `unknown`: it commits, and says that the connection died. */
export type StoreFault = "read" | "aborted" | "full" | "unknown"

/** Where a replica keeps who it is. */
const identityKey = "replica/identity"
const decodeIdentity = Schema.decodeSync(Schema.fromJsonString(Schema.Struct({ device: DeviceId })))

const decodeCursor = Schema.decodeSync(Schema.fromJsonString(Cursor))

export class SimulatedDevice {
  readonly world: World
  readonly name: string
  /** How it joins; undefined for the founder. */
  readonly link: string | undefined
  /** What its link gave it. */
  readonly role: Role
  /** Another one after it went back in time, or lost its last relaxed commits. */
  disk: MemoryDisk
  /** What a power cut may take of it. */
  readonly relaxed: RelaxedCommits
  /** What power cuts took that the server's log lacked as well. */
  readonly taken: Array<MissingOperations> = []
  readonly tabs: Array<SimulatedTab> = []
  lockHolder: SimulatedTab | undefined
  workspace: WorkspaceId | undefined
  /** It wrote although its role forbids it. */
  hasRebelled = false
  /** Shared by a device and its copies: who revokes one may revoke them all. */
  readonly line: { isTargeted: boolean }
  storeFault: StoreFault | undefined
  /** Nothing can be written to its disk until there is room again. */
  isStoreFull = false
  readonly clockError: ClockError = { millis: 0 }
  /** Why it could not join, last time. */
  joinFailure: unknown
  #tabCount = 0
  #isIdentified = false

  constructor(
    world: World,
    options: { readonly name: string; readonly link?: string; readonly role: Role; readonly copyOf?: SimulatedDevice }
  ) {
    const { copyOf } = options
    this.world = world
    this.name = options.name
    this.link = options.link
    this.role = options.role
    this.disk = copyOf?.disk.copy() ?? new MemoryDisk()
    const isSqlite = world.random.fork(`store of ${options.name}`).chance(0.5)
    this.relaxed = new RelaxedCommits(copyOf?.relaxed.kind ?? (isSqlite ? "sqlite" : "indexedDb"))
    this.line = copyOf?.line ?? { isTargeted: false }
    this.workspace = copyOf?.workspace
    this.hasRebelled = copyOf?.hasRebelled ?? false
    this.#isIdentified = copyOf !== undefined
  }

  /** Who its disk says it is: another one once a copy has become a device of its own. */
  get id(): DeviceId | undefined {
    const stored = this.#isIdentified ? this.disk.meta.get(identityKey) : undefined
    return stored === undefined ? undefined : decodeIdentity(stored).device
  }

  /** An owner tried to revoke it; whether that happened, the roster says. */
  get isTargeted(): boolean {
    return this.line.isTargeted
  }

  /** Whether the workspace is on the disk. */
  get isInstalled(): boolean {
    return [...this.disk.meta.keys()].some((key) => key.startsWith("replica/"))
  }

  /** How far the disk says it has stored the log. */
  get cursor(): Cursor | undefined {
    const stored = this.disk.meta.get(metaKeys.cursor)
    return stored === undefined ? undefined : decodeCursor(stored)
  }

  get openTabs(): ReadonlyArray<SimulatedTab> {
    return this.tabs.filter((tab) => tab.isOpen)
  }

  /** Nothing of it could take a step now. */
  get isIdle(): boolean {
    return this.tabs.every((tab) => tab.process.isIdle && !tab.process.isFrozen)
  }

  openTab(): SimulatedTab {
    this.#tabCount += 1
    const name = `${this.name}.${this.#tabCount}`
    this.world.chronicle.note(`opens ${name}`)
    const parts: TabParts = this.world.tabParts(this, name)
    const tab = new SimulatedTab(this, parts)
    this.tabs.push(tab)
    return tab
  }

  /** Ends one tab, or all of them, where they stand. */
  crash(tabs: ReadonlyArray<SimulatedTab>): void {
    for (const tab of tabs) {
      this.world.chronicle.note(`crash of ${tab.name}`)
      tab.kill()
      this.world.buried(tab.process)
      this.#remove(tab)
    }
    this.passLock()
  }

  /** Closes a tab as a page does: its leases are given back if it gets that far. */
  closeTab(tab: SimulatedTab): void {
    const { replica } = tab
    if (replica === undefined) return this.crash([tab])
    tab.isClosing = true
    this.world.chronicle.note(`closes ${tab.name}`)
    return tab.process.run(replica.release, () => {
      this.world.later(() => this.crash([tab]))
    })
  }

  /** Gives the lock to a tab that waits for it. */
  passLock(): void {
    if (this.lockHolder !== undefined) return
    const awake = this.openTabs.filter((tab) => !tab.process.isFrozen)
    const next = awake.find((tab) => !tab.isSyncing)
    if (next !== undefined) return this.takeLock(next)
    // It was taken from one that still runs and has not noticed, and whoever took it is gone.
    this.lockHolder = awake[0]
  }

  /** The tab syncs from now on, whoever did before: a former holder that still runs finds out by its fence. */
  takeLock(tab: SimulatedTab): void {
    if (this.lockHolder !== undefined) this.world.chronicle.count("situation: lock taken from a living tab")
    this.lockHolder = tab
    this.world.chronicle.note(`lock of ${this.name} to ${tab.name}`)
    this.world.chronicle.count("situation: tab takes the lock")
    tab.startSync(() => this.world.later(() => this.passLock()))
  }

  tabReady(tab: SimulatedTab): void {
    this.world.chronicle.note(`ready ${tab.name}`)
    this.world.later(() => this.passLock())
  }

  tabFailed(tab: SimulatedTab, failure: unknown): void {
    this.joinFailure = failure
    const what = tagOf(failure)
    this.world.chronicle.note(`${tab.name} does not open: ${what}`)
    if (what === "other") this.world.chronicle.violate("broken", `${tab.name} does not open: ${String(failure)}`)
    this.world.later(() => this.crash([tab]))
  }

  syncEnded(tab: SimulatedTab, exit: Exit.Exit<never, unknown>): void {
    const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    const what = tagOf(failure)
    this.world.chronicle.note(`${tab.name} stops syncing: ${what}`)
    this.world.chronicle.count(`situation: sync ended by ${what}`)
    if (what !== "FenceLost") {
      this.world.chronicle.violate("broken", `the engine of ${tab.name} ended: ${String(failure)}`)
    }
    if (this.lockHolder === tab) this.lockHolder = undefined
  }

  identified(workspace: WorkspaceId): void {
    this.workspace = workspace
    this.#isIdentified = true
  }

  hooksOf(tab: SimulatedTab): LocalStoreMemory.MemoryHooks {
    const pause = Effect.suspend(() => (tab.process.random.chance(0.3) ? Effect.yieldNow : Effect.void))
    return {
      beforeRead: Effect.andThen(pause, this.#failing("read", "disconnected")),
      beforeCommit: (_batch, request) =>
        pause.pipe(
          Effect.andThen(this.#failing("aborted", "aborted")),
          Effect.andThen(this.#failing("full", "full")),
          Effect.andThen(pause),
          Effect.tap(() => Effect.sync(() => this.relaxed.begins(this.disk, request)))
        ),
      afterCommit: (batch, request) => {
        this.relaxed.committed(batch, request)
        watchCommit(tab, batch)
        return Effect.andThen(pause, this.#failing("unknown", "disconnected"))
      }
    }
  }

  /** Fails once where that fault is set. */
  #failing(fault: StoreFault, reason: StoreFailed["reason"]): Effect.Effect<void, StoreFailed> {
    return Effect.suspend(() => {
      const isFull = fault === "full" && this.isStoreFull
      if (this.storeFault !== fault && !isFull) return Effect.void
      if (!isFull) this.storeFault = undefined
      this.world.chronicle.note(`the disk of ${this.name} fails: ${fault}`)
      this.world.chronicle.count(isFull ? "situation: write refused by a full store" : `fault: store ${fault}`)
      return Effect.fail(new StoreFailed({ reason, message: "The World made the disk fail." }))
    })
  }

  #remove(tab: SimulatedTab): void {
    const index = this.tabs.indexOf(tab)
    if (index >= 0) this.tabs.splice(index, 1)
    if (this.lockHolder === tab) this.lockHolder = undefined
  }
}

/** The tag of a typed failure. */
const tagOf = (failure: unknown): string =>
  typeof failure === "object" && failure !== null && "_tag" in failure ? String(failure._tag) : "other"
