/**
 * What a power cut may take of a device's disk: its relaxed commits that nothing strict has covered since [STORE-45].
 *
 * A device stores as SQLite does (STORE-50): the first few of those commits stay, each of them whole; or as IndexedDB does,
 * where every commit is strict and a power cut takes nothing. Rules: docs/spec/world.md.
 */
import type { Batch, MemoryDisk, WriteRequest } from "@tidemark/sync"
import type { SeededRandom } from "../SeededRandom.ts"

/** How a device's store commits what a transaction calls relaxed. */
export type StoreKind = "sqlite" | "indexedDb"

/** How often a power cut leaves everything: the system had written it by itself. */
const keepsAllChance = 0.2

type Mode = Pick<WriteRequest, "relaxed">

export class RelaxedCommits {
  readonly kind: StoreKind
  /** The disk as it was before each of them, oldest first. */
  #before: Array<MemoryDisk> = []
  /** The same for one that is about to be committed. */
  #next: MemoryDisk | undefined
  /** The power fails as soon as there are so many of them; undefined where it holds. */
  failsAt: number | undefined

  constructor(kind: StoreKind) {
    this.kind = kind
  }

  /** How many commits a power cut may take. */
  get count(): number {
    return this.#before.length
  }

  /** Now. */
  get isFailing(): boolean {
    return this.failsAt !== undefined && this.count >= this.failsAt
  }

  /** What of a disk is there after any power cut. */
  safe(disk: MemoryDisk): MemoryDisk {
    return this.#before[0] ?? disk
  }

  /** Before a commit, while nothing else is written. */
  begins(disk: MemoryDisk, { relaxed }: Mode): void {
    this.#next = this.kind === "sqlite" && relaxed === true ? disk.copy() : undefined
  }

  /** After it. One that wrote nothing waited for no fsync, whatever it asked for. */
  committed(batch: Batch, { relaxed }: Mode): void {
    if (this.#next !== undefined) this.#before.push(this.#next)
    else if (relaxed !== true && writesSomething(batch)) this.cover()
    this.#next = undefined
  }

  /** Everything is on the medium. */
  cover(): void {
    this.#before = []
  }

  /** What a power cut leaves: perhaps everything, perhaps not the last commits. No tab may run. */
  cut(disk: MemoryDisk, random: SeededRandom): MemoryDisk {
    const left = (random.chance(keepsAllChance) ? undefined : random.pick(this.#before)) ?? disk
    this.cover()
    this.#next = undefined
    this.failsAt = undefined
    return left
  }
}

const writesSomething = (batch: Batch): boolean =>
  Object.values(batch).some((part) =>
    part instanceof Map ? part.size > 0 : Array.isArray(part) ? part.length > 0 : part !== undefined
  )
