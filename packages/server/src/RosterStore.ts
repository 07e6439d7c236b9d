/**
 * The server's copy of every workspace's roster: appended by compare-and-set, folded by `@tidemark/crypto`.
 *
 * `state` is always current, whichever process appended last: the number is read from the store, and only missing
 * statements are folded. Folded rosters are kept in a bounded cache. The same statement sent twice is harmless.
 * Rules: docs/spec/roster-server.md.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { appendStatement, foldRoster, hashOf, Primitives, type RosterState } from "@tidemark/crypto"
import {
  bytesToId,
  decodeStatement,
  type DeviceCursor,
  type DeviceId,
  LogId,
  Malformed,
  type Role,
  RosterMoved,
  RosterNumber,
  type RosterPage,
  type SignedCursor,
  type StatementBody,
  StatementRefused,
  StorageFailed,
  type WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"
import { layerMemory, layerSql, RosterStorage } from "./internal/rosterStorage.ts"
import { FanOut } from "./FanOut.ts"

/** Folded rosters kept in memory; the least recently used one goes first. */
const cachedRosterCountMax = 1_000

/** The role of a device that is in the roster and not revoked. */
export const activeRole = (state: RosterState, device: DeviceId): Role | undefined => {
  const held = state.devices.get(device)
  return held === undefined || held.revokedAt !== undefined ? undefined : held.role
}

/** A roster after a statement of a kind this server knows. */
export interface RosterAppended {
  readonly state: RosterState
  readonly body: StatementBody
}

const unknownWorkspace = () => new WorkspaceUnknown({ message: "This server holds no such workspace" })

const tooNew = () =>
  new StatementRefused({
    reason: "tooNew",
    message: "This server does not know this kind of statement, so it could not enforce it; update the server"
  })

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => hashOf(a) === hashOf(b)
const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && sameBytes(a, b)

const rosterForked = () =>
  new StatementRefused({
    reason: "alreadyThere",
    message:
      "The server's list of members and this device's have the same beginning but go on differently. Neither was " +
      "changed, and everything on this device is kept; an owner has to decide which one holds."
  })

const make = Effect.gen(function* () {
  const storage = yield* RosterStorage
  const primitives = yield* Primitives
  const fanOut = yield* FanOut
  const cache = new Map<WorkspaceId, RosterState>()

  const remember = (state: RosterState) =>
    Effect.sync(() => {
      cache.delete(state.workspace)
      cache.set(state.workspace, state)
      const oldest = cache.size > cachedRosterCountMax ? cache.keys().next().value : undefined
      if (oldest !== undefined) cache.delete(oldest)
      return state
    })

  /** Whether the store has fewer statements by now than are folded here: then it was restored under this process [RLOG-10]. */
  const isSetBack = (workspace: WorkspaceId, { number }: RosterState) =>
    Effect.map(storage.row(workspace), (stored) => stored !== undefined && stored < number)

  /** Folds what is missing up to `number`. A stored statement that does not fold is a broken store. */
  const stateAt = Effect.fnUntraced(function* (workspace: WorkspaceId, number: RosterNumber) {
    let state = cache.get(workspace)
    // Another request may have appended one meanwhile: that counts.
    if (state !== undefined && state.number > number && (yield* isSetBack(workspace, state))) state = undefined
    while (state === undefined || state.number < number) {
      const statements = yield* storage.after(workspace, state?.number ?? RosterNumber.make(0))
      const folded = yield* foldRoster(statements, state).pipe(Effect.provideService(Primitives, primitives))
      if (state !== undefined && folded.refusedAt?.index === 0) {
        // It does not follow what is folded here: the store was restored, and has grown again since.
        state = undefined
        continue
      }
      if (folded.state === undefined || folded.refusedAt !== undefined || statements.length === 0) {
        yield* Effect.logError(`roster of ${workspace}: a stored statement cannot be read again`)
        return yield* new StorageFailed({ message: "The server's copy of this workspace's roster is damaged" })
      }
      state = folded.state
    }
    return yield* remember(state)
  })

  const numberOf = Effect.fnUntraced(function* (workspace: WorkspaceId) {
    return (yield* storage.row(workspace)) ?? (yield* unknownWorkspace())
  })

  const state = Effect.fn("Roster.state")(function* (workspace: WorkspaceId) {
    return yield* stateAt(workspace, yield* numberOf(workspace))
  })

  const found = Effect.fn("Roster.found")(function* <E>(
    statements: ReadonlyArray<Uint8Array>,
    check: (state: RosterState) => Effect.Effect<void, E>
  ) {
    const folded = yield* foldRoster(statements).pipe(Effect.provideService(Primitives, primitives))
    if (folded.refusedAt !== undefined) return yield* folded.refusedAt.error
    if (folded.state === undefined) return yield* new Malformed({ what: "roster", message: "A roster has a beginning" })
    if (folded.state.tooNew) return yield* tooNew()
    yield* check(folded.state)
    const { workspace } = folded.state
    const logId = LogId.make(bytesToId(yield* primitives.randomBytes(16)))
    const isNew = yield* storage.found(workspace, logId, statements, yield* Clock.currentTimeMillis)
    return isNew ? yield* remember(folded.state) : yield* extend(workspace, statements)
  })

  /** Appends what a verified roster has beyond the stored one; nothing where the stored one is as long or longer. */
  const extend = Effect.fnUntraced(function* (workspace: WorkspaceId, statements: ReadonlyArray<Uint8Array>) {
    let known = 0
    while (known < statements.length) {
      const stored = yield* storage.after(workspace, RosterNumber.make(known))
      const ours = statements.slice(known, known + stored.length)
      if (!ours.every((one, index) => isSame(one, stored[index]))) return yield* rosterForked()
      known += ours.length
      const next = statements[known]
      if (next === undefined || stored.length > 0) continue
      // Somebody may have been faster, with this statement or another: the next turn of the loop looks.
      if (yield* storage.append(workspace, RosterNumber.make(known + 1), next)) {
        known += 1
        yield* fanOut.publishRoster(workspace, RosterNumber.make(known))
      }
    }
    // What was compared is what the store has, whatever is folded here.
    cache.delete(workspace)
    return yield* stateAt(workspace, yield* Effect.orDie(numberOf(workspace)))
  })

  /** Whether the statement that stands at this number is this very one: a repeat after a lost answer. */
  const isStored = Effect.fnUntraced(function* (workspace: WorkspaceId, number: RosterNumber, statement: Uint8Array) {
    if (number < 1) return false
    const [stored] = yield* storage.after(workspace, RosterNumber.make(number - 1))
    return stored !== undefined && sameBytes(stored, statement)
  })

  const append = Effect.fn("Roster.append")(function* (workspace: WorkspaceId, statement: Uint8Array) {
    const { body } = yield* Effect.fromResult(decodeStatement(statement))
    if (body.kind === "unknown") return yield* tooNew()
    if (body.workspace !== workspace) {
      return yield* new StatementRefused({
        reason: "wrongWorkspace",
        message: "This statement is for another workspace"
      })
    }
    const previous = body.kind === "found" ? undefined : body.previous
    const follows = ({ head, number }: RosterState) => body.number === number + 1 && previous === head
    let now = yield* state(workspace)
    if (!follows(now)) {
      // Before it is refused, it is compared with what the store has now.
      cache.delete(workspace)
      now = yield* state(workspace)
    }
    const moved = (number: RosterNumber) =>
      new RosterMoved({
        number,
        message: `The roster stands at statement ${number}; build this one again on top of it`
      })
    if (yield* isStored(workspace, body.number, statement)) return { state: yield* state(workspace), body }
    if (!follows(now)) return yield* moved(now.number)
    const next = yield* appendStatement(now, statement).pipe(Effect.provideService(Primitives, primitives))
    if (!(yield* storage.append(workspace, body.number, statement))) {
      const current = yield* numberOf(workspace)
      // The faster one may have been this very statement, sent twice at once.
      if (yield* isStored(workspace, body.number, statement)) return { state: yield* state(workspace), body }
      return yield* moved(current)
    }
    yield* remember(next.state)
    yield* fanOut.publishRoster(workspace, next.state.number)
    return { state: next.state, body }
  })

  return {
    found,
    append,
    state,
    stateAt,
    read: Effect.fn("Roster.read")(function* (workspace: WorkspaceId, after: RosterNumber) {
      yield* numberOf(workspace)
      return { after, statements: yield* storage.after(workspace, after) }
    }),
    seen: Effect.fn("Roster.seen")(function* (workspace: WorkspaceId, device: DeviceId) {
      yield* storage.seen(workspace, device, yield* Clock.currentTimeMillis)
    }),
    lastSeen: storage.lastSeen,
    report: Effect.fn("Roster.report")(function* (workspace: WorkspaceId, device: DeviceId, signed: SignedCursor) {
      yield* numberOf(workspace)
      yield* storage.report(workspace, { device, ...signed, at: yield* Clock.currentTimeMillis })
    }),
    reports: Effect.fn("Roster.reports")(function* (workspace: WorkspaceId) {
      const { devices } = yield* state(workspace)
      const reports = yield* storage.reports(workspace)
      return reports.filter(({ device }) => {
        const member = devices.get(device)
        return member !== undefined && member.revokedAt === undefined
      })
    })
  }
})

export class Roster extends Context.Service<
  Roster,
  {
    /**
     * Makes a workspace with a new and empty log from its whole roster, which is verified first; then `check` may refuse
     * it. A workspace that is there already is extended where its roster is the beginning of this one, and left as it is
     * where it is this one or goes on from it; otherwise `StatementRefused`, `alreadyThere` [RLOG-9].
     */
    readonly found: <E = never>(
      statements: ReadonlyArray<Uint8Array>,
      check: (state: RosterState) => Effect.Effect<void, E>
    ) => Effect.Effect<RosterState, Malformed | StatementRefused | StorageFailed | E>
    /** Appends a statement, or finds that it is there already. `RosterMoved`: pull the roster and build it again. */
    readonly append: (
      workspace: WorkspaceId,
      statement: Uint8Array
    ) => Effect.Effect<RosterAppended, Malformed | StatementRefused | RosterMoved | WorkspaceUnknown | StorageFailed>
    /** The roster as it stands now. */
    readonly state: (workspace: WorkspaceId) => Effect.Effect<RosterState, WorkspaceUnknown | StorageFailed>
    /** The roster at a number read under the workspace's head row. */
    readonly stateAt: (workspace: WorkspaceId, number: RosterNumber) => Effect.Effect<RosterState, StorageFailed>
    /** Statements after a number, at most a frame of them; ask again until none comes. */
    readonly read: (
      workspace: WorkspaceId,
      after: RosterNumber
    ) => Effect.Effect<RosterPage, WorkspaceUnknown | StorageFailed>
    /** Notes that a device got a token now. */
    readonly seen: (workspace: WorkspaceId, device: DeviceId) => Effect.Effect<void, StorageFailed>
    /** Keeps how far a device says it has come, as it signed it; nothing of it is verified here. */
    readonly report: (
      workspace: WorkspaceId,
      device: DeviceId,
      signed: SignedCursor
    ) => Effect.Effect<void, WorkspaceUnknown | StorageFailed>
    /** The last report of each device that the roster has and that is not revoked. */
    readonly reports: (
      workspace: WorkspaceId
    ) => Effect.Effect<ReadonlyArray<DeviceCursor>, WorkspaceUnknown | StorageFailed>
    /** When each device last got a token, epoch milliseconds by the server's clock. */
    readonly lastSeen: (workspace: WorkspaceId) => Effect.Effect<ReadonlyMap<DeviceId, number>, StorageFailed>
  }
>()("@tidemark/server/Roster") {
  /** Over the SQL store. */
  static readonly layerSql = Layer.effect(Roster, make).pipe(Layer.provide(layerSql))
  /** Over memory. */
  static readonly layerMemory = Layer.effect(Roster, make).pipe(Layer.provide(layerMemory))
}
