/**
 * One Tidemark device without a browser: the real replica and sync engine over a durable SQLite file (`synchronous=FULL`, but for
 * receipts and for what others wrote [STORE-45]), over the real HTTP and WebSocket, with real keys. What it shows is read from the
 * file's rows, as an app would.
 */
import { join } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import { Socket } from "effect/socket"
import { decodeLink } from "@tidemark/crypto"
import { docOfRecord, RecordId } from "@tidemark/model"
import {
  type Change,
  createWorkspace,
  joinWorkspace,
  layerPartsAtHand,
  readIdentity,
  renewToken,
  Replica,
  ServerApi,
  ServerHttp
} from "@tidemark/replica"
import { LocalStoreSqlite, NodePrimitives } from "@tidemark/store-sqlite"
import { CheckpointLimits, isOutgrown, LocalStore } from "@tidemark/sync"
import type { Place } from "../System.ts"
import { BenchSchema } from "./tidemarkSchema.ts"

// Node loads its own client of HTTP and sockets when it is first named; here, like every module, before anything is timed.
void globalThis.WebSocket

/** How long a device waits for checkpoints of its docs to be made and confirmed, and how often it looks, in milliseconds. */
const restMillisMax = 20_000
const restLookMillis = 250

const platform = Layer.mergeAll(
  NodePrimitives.layer,
  layerPartsAtHand,
  Socket.layerWebSocketConstructorGlobal,
  // Clients' standard output is nobody's; a log line is kept for whoever looks at stderr.
  Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])
)

export type Row = Readonly<Record<string, unknown>>

export class TidemarkDevice {
  /** Opens a device in a folder of its own, and syncs it: with the invitation, else with a workspace of its own. */
  static async open({ folder, invitation, url }: Place): Promise<TidemarkDevice> {
    const scope = Effect.runSync(Scope.make())
    const path = join(folder, "store.sqlite")
    const opening = Effect.gen(function* () {
      const coming = invitation === undefined ? createWorkspace({ origin: url, name: "bench" }) : joined(invitation)
      // The first questions are on their way while the store is opened.
      const [made, { commits, store }] = yield* Effect.all([coming, LocalStoreSqlite.open({ path })], {
        concurrency: 2
      })
      const installed = Layer.succeed(LocalStore, store)
      yield* Effect.provide(made.install, installed)
      const replica = Replica.layerHttp({ schema: BenchSchema, tab: "bench" }).pipe(
        Layer.provide([installed, platform])
      )
      return { commits, store, replica: Context.get(yield* Layer.build(replica), Replica) }
    }).pipe(Effect.provide(platform), Scope.provide(scope))
    const { commits, replica, store } = await Effect.runPromise(opening)
    return new TidemarkDevice(url, path, scope, store, replica, commits)
  }

  readonly path: string
  readonly replica: Replica["Service"]
  readonly #url: string
  readonly #scope: Scope.Closeable
  readonly #store: LocalStore["Service"]
  readonly #rows: DatabaseSync
  readonly #byId: StatementSync
  readonly #listeners: Array<() => void> = []
  readonly #lastRead = new Map<string, { readonly json: unknown; readonly row: Row }>()
  /** Changes that are not on disk yet. */
  readonly #changing = new Set<Promise<unknown>>()
  /** One wait for all who wait. */
  #beingSynced: Promise<void> | undefined
  #failure: unknown
  #syncing: Fiber.Fiber<unknown, unknown> | undefined

  private constructor(
    url: string,
    path: string,
    scope: Scope.Closeable,
    store: LocalStore["Service"],
    replica: Replica["Service"],
    commits: Stream.Stream<void>
  ) {
    this.#url = url
    this.path = path
    this.replica = replica
    this.#scope = scope
    this.#store = store
    this.#rows = new DatabaseSync(path, { readOnly: true })
    this.#byId = this.#rows.prepare("SELECT json FROM rows WHERE table_name = ? AND id = ?")
    const told = Stream.runForEach(commits, () => Effect.sync(() => this.#listeners.forEach((tell) => tell())))
    Effect.runSync(Effect.forkIn(told, scope))
    this.reconnect()
  }

  /** Called after every commit of this device's store, whatever it changed. */
  onCommit(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Hands a change in. What arrives while a transaction runs shares the next one. */
  change(changes: ReadonlyArray<Change>): Promise<{ readonly ids: ReadonlyArray<string> }> {
    const changing = Effect.runPromise(this.replica.change(changes))
    this.#changing.add(changing)
    changing.catch((error: unknown) => (this.#failure ??= error)).finally(() => this.#changing.delete(changing))
    return changing
  }

  /** Parsed again only where it has changed: a commit may be one of other rows, or of receipts. */
  row(table: string, id: string): Row | undefined {
    const found = this.#byId.get(table, id)
    if (found === undefined) return undefined
    const key = `${table} ${id}`
    const last = this.#lastRead.get(key)
    if (last !== undefined && last.json === found["json"]) return last.row
    const row = rowIn(found)
    this.#lastRead.set(key, { json: found["json"], row })
    return row
  }

  rows(table: string): ReadonlyArray<Row> {
    return this.#rows.prepare("SELECT json FROM rows WHERE table_name = ?").all(table).map(rowIn)
  }

  count(table: string): number {
    return Number(this.#rows.prepare("SELECT count(*) AS n FROM rows WHERE table_name = ?").get(table)?.["n"])
  }

  /** Resolves when everything the server has is here, and everything of ours is there. */
  synced(): Promise<void> {
    const status = this.replica.status.pipe(
      Stream.filter(({ _tag }) => _tag === "Synced"),
      Stream.runHead
    )
    this.#beingSynced ??= Effect.runPromise(Effect.asVoid(status)).finally(() => (this.#beingSynced = undefined))
    return this.#beingSynced
  }

  /** Resolves when every change is on disk. */
  async stored(): Promise<void> {
    while (this.#changing.size > 0) await Promise.allSettled([...this.#changing])
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when every change is on disk and has its receipt from the server. */
  async flushed(): Promise<void> {
    await this.stored()
    const empty = Stream.mapEffect(this.#store.outboxChanges, () => this.#store.counts).pipe(
      Stream.filter(({ sealed, unsealed }) => sealed + unsealed === 0),
      Stream.runHead
    )
    await Effect.runPromise(empty)
  }

  /** Resolves when no doc of these records is to get a checkpoint, and none waits for another device's word; not within 20 s. */
  async rested(records: Iterable<string>): Promise<void> {
    const docs = new Set(Array.from(records, (id) => docOfRecord(RecordId.make(id))))
    const looking = Effect.gen(function* () {
      const api = yield* ServerApi
      const limits = yield* CheckpointLimits
      const identity = yield* readIdentity()
      const { token } = yield* renewToken(api, identity)
      const session = { ...identity, token }
      const isDue = Effect.gen(function* () {
        for (const doc of docs) if (isOutgrown(yield* api.tail(session, doc), limits)) return true
        return (yield* api.checkpoints(session)).length > 0
      })
      while (yield* isDue) yield* Effect.sleep(restLookMillis)
    }).pipe(
      Effect.provide([
        ServerHttp.layer(this.#url).pipe(Layer.provide(platform)),
        Layer.succeed(LocalStore, this.#store),
        platform
      ]),
      Effect.timeout(restMillisMax)
    )
    await Effect.runPromise(looking)
  }

  async disconnect(): Promise<void> {
    const syncing = this.#syncing
    this.#syncing = undefined
    if (syncing !== undefined) await Effect.runPromise(Fiber.interrupt(syncing))
  }

  reconnect(): void {
    this.#syncing ??= Effect.runSync(Effect.forkIn(this.replica.sync, this.#scope))
  }

  async close(): Promise<void> {
    await this.disconnect()
    await Effect.runPromise(Effect.ignore(this.replica.release))
    this.#rows.close()
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }
}

const joined = Effect.fnUntraced(function* (invitation: string) {
  const link = yield* Effect.fromResult(decodeLink(invitation))
  return yield* joinWorkspace({ link, name: "bench" }).pipe(Effect.provide(ServerHttp.layer(link.origin)))
})

const rowIn = (found: Record<string, unknown>): Row => JSON.parse(String(found["json"])) as Row
