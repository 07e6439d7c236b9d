/**
 * One device of a World: a disk that outlives everything, its tabs, and the lock that names the tab that syncs.
 *
 * The disk fails when the World says so, before or after a commit. Everything that is committed passes the chronicle.
 */
import { Cause, Effect, Exit, Schema } from "effect"
import { Cursor, type DeviceId, type Role, type WorkspaceId } from "@tidemark/protocol"
import { type Batch, type LocalStoreMemory, MemoryDisk, metaKeys, StoreFailed } from "@tidemark/sync"
import { SimulatedTab, type TabParts } from "./SimulatedTab.ts"
import type { World } from "./World.ts"

/** The next thing the disk will do wrong. `unknown`: it commits, and says that the connection died. */
export type StoreFault = "read" | "aborted" | "full" | "unknown"

const decodeCursor = Schema.decodeSync(Schema.fromJsonString(Cursor))

export class SimulatedDevice {
  readonly world: World
  readonly name: string
  /** How it joins; undefined for the founder. */
  readonly link: string | undefined
  /** What its link gave it. */
  readonly role: Role
  readonly disk = new MemoryDisk()
  readonly tabs: Array<SimulatedTab> = []
  lockHolder: SimulatedTab | undefined
  workspace: WorkspaceId | undefined
  id: DeviceId | undefined
  /** It wrote although its role forbids it. */
  hasRebelled = false
  /** An owner tried to revoke it; whether that happened, the roster says. */
  isTargeted = false
  storeFault: StoreFault | undefined
  /** Why it could not join, last time. */
  joinFailure: unknown
  #tabCount = 0

  constructor(world: World, options: { readonly name: string; readonly link?: string; readonly role: Role }) {
    this.world = world
    this.name = options.name
    this.link = options.link
    this.role = options.role
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
    const next = this.openTabs.find((tab) => !tab.isSyncing && !tab.process.isFrozen)
    if (next !== undefined) this.takeLock(next)
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

  identified(workspace: WorkspaceId, id: DeviceId): void {
    this.workspace = workspace
    this.id = id
  }

  hooksOf(tab: SimulatedTab): LocalStoreMemory.MemoryHooks {
    const pause = Effect.suspend(() => (tab.process.random.chance(0.3) ? Effect.yieldNow : Effect.void))
    return {
      beforeRead: Effect.andThen(pause, this.#failing("read", "disconnected")),
      beforeCommit: () =>
        pause.pipe(
          Effect.andThen(this.#failing("aborted", "aborted")),
          Effect.andThen(this.#failing("full", "full")),
          Effect.andThen(pause)
        ),
      afterCommit: (batch) => {
        this.#witness(tab, batch)
        return Effect.andThen(pause, this.#failing("unknown", "disconnected"))
      }
    }
  }

  /** Fails once where that fault is set. */
  #failing(fault: StoreFault, reason: StoreFailed["reason"]): Effect.Effect<void, StoreFailed> {
    return Effect.suspend(() => {
      if (this.storeFault !== fault) return Effect.void
      this.storeFault = undefined
      this.world.chronicle.note(`the disk of ${this.name} fails: ${fault}`)
      this.world.chronicle.count(`fault: store ${fault}`)
      return Effect.fail(new StoreFailed({ reason, message: "The World made the disk fail." }))
    })
  }

  /** Writes down what a commit did, and meets the rare situations. */
  #witness(tab: SimulatedTab, batch: Batch): void {
    const { chronicle } = this.world
    const counted = (name: string, list: ReadonlyArray<unknown> | undefined) =>
      list === undefined || list.length === 0 ? "" : ` ${name} ${list.length}`
    const seals = (batch.seal ?? []).map(({ deviceSeq }) => deviceSeq)
    const what = [
      counted("updates", batch.updates),
      counted("rows", batch.rows),
      seals.length === 0 ? "" : ` seal ${seals.join(",")}`,
      counted("settle", batch.settle),
      counted("unseal", batch.unseal),
      counted("hold", batch.hold),
      counted("release", batch.release),
      counted("snapshots", batch.snapshots)
    ].join("")
    chronicle.note(`${tab.name} commits${what}`)
    const isPull = batch.meta?.has(metaKeys.cursor) === true && batch.release !== undefined
    if (isPull && (batch.settle ?? []).length > 0)
      chronicle.count("situation: item settled by the log, not by its receipt")
    if (seals.length > 0 && (batch.seal ?? []).some(({ parts }) => parts > 1))
      chronicle.count("situation: item in parts")
    if ((batch.hold ?? []).some(({ kind }) => kind === "part")) chronicle.count("situation: part held")
    if (isPull && (batch.release ?? []).length > 0) chronicle.count("situation: held parts joined")
    if ((batch.snapshots ?? []).length > 0) chronicle.count("situation: tail folded")
    if ((batch.unseal ?? []).length > 0) chronicle.count("situation: item renumbered")
    if ((batch.leases ?? []).some(({ holder }) => holder === "")) chronicle.count("situation: lease given back")
    for (const entry of batch.hold ?? []) {
      if (entry.kind !== "part") {
        chronicle.violate("heldHonest", `${this.name} holds ${entry.seq} as ${entry.kind}: ${entry.message}`)
      }
    }
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
