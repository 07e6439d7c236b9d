/**
 * The server's copy of every workspace's roster: appended by compare-and-set, folded by `@tidemark/crypto`.
 *
 * `state` is always current, whichever process appended last: the number is read from the store, and only missing
 * statements are folded. Folded rosters are kept in a bounded cache. The same statement sent twice is harmless.
 * Rules: docs/spec/roster-server.md.
 */
import { Clock, Context, Effect, Layer } from "effect"
import {
  activeRole,
  appendStatement,
  foldRoster,
  hashOf,
  missingFrom,
  Primitives,
  type RosterState
} from "@tidemark/crypto"
import {
  bytesToId,
  decodeStatement,
  type DeviceCursor,
  type DeviceId,
  isSameBytes,
  LogId,
  Malformed,
  RosterMoved,
  RosterNumber,
  type RosterPage,
  type SignedCursor,
  type StatementBody,
  StatementRefused,
  StorageFailed,
  type WorkspaceId,
  type WorkspaceUnknown
} from "@tidemark/protocol"
import { layerMemory, layerSql, RosterStorage } from "./internal/rosterStorage.ts"
import { unknownWorkspace } from "./internal/unknownWorkspace.ts"
import { FanOut } from "./FanOut.ts"

/** Folded rosters kept in memory; the least recently used one goes first. */
const cachedRosterCountMax = 1_000

/** A roster after a statement of a kind this server knows. */
export interface RosterAppended {
  readonly state: RosterState
  readonly body: StatementBody
}

const tooNew = () =>
  new StatementRefused({
    reason: "tooNew",
    message: "This server does not know this kind of statement, so it could not enforce it; update the server"
  })

const make = Effect.gen(function* () {
  const storage = yield* RosterStorage
  const primitives = yield* Primitives
  const fanOut = yield* FanOut
  const cache = new Map<WorkspaceId, RosterState>()

  const fold = (statements: ReadonlyArray<Uint8Array>, from?: RosterState) =>
    foldRoster(statements, from).pipe(Effect.provideService(Primitives, primitives))

  const remember = (state: RosterState) =>
    Effect.sync(() => {
      cache.delete(state.workspace)
      cache.set(state.workspace, state)
      const oldest = cache.size > cachedRosterCountMax ? cache.keys().next().value : undefined
      if (oldest !== undefined) cache.delete(oldest)
      return state
    })

  /** The stored statements after one number, up to another that is there. */
  const between = Effect.fnUntraced(function* (workspace: WorkspaceId, after: number, through: number) {
    const statements: Array<Uint8Array> = []
    while (after + statements.length < through) {
      const page = yield* storage.after(workspace, RosterNumber.make(after + statements.length))
      if (page.length === 0) break
      statements.push(...page)
    }
    return statements.slice(0, through - after)
  })

  /** Whether the store has fewer statements by now than are folded here: then it was restored under this process [RLOG-10]. */
  const isSetBack = (workspace: WorkspaceId, { number }: RosterState) =>
    Effect.map(storage.row(workspace), (stored) => stored !== undefined && stored < number)

  /** Folds what is missing up to `number`. A stored statement that does not fold is a broken store. */
  const stateAt = Effect.fnUntraced(function* (workspace: WorkspaceId, number: RosterNumber) {
    let known = cache.get(workspace)
    // Another request may have appended one meanwhile: that counts.
    if (known !== undefined && known.number > number && (yield* isSetBack(workspace, known))) known = undefined
    if (known !== undefined && known.number >= number) return yield* remember(known)
    // What does not follow what is folded here: the store was restored and has grown again, or its list was united with one
    // that goes another way from before that. Then all of it is read again.
    for (const from of known === undefined ? [undefined] : [known, undefined]) {
      const statements = yield* between(workspace, from?.number ?? 0, number)
      const folded = yield* fold(statements, from)
      if (folded.refusedAt === undefined && folded.state?.number === number) return yield* remember(folded.state)
    }
    yield* Effect.logError(`roster of ${workspace}: a stored statement cannot be read again`)
    return yield* new StorageFailed({ message: "The server's copy of this workspace's roster is damaged" })
  })

  const numberOf = Effect.fnUntraced(function* (workspace: WorkspaceId) {
    return (yield* storage.row(workspace)) ?? (yield* unknownWorkspace())
  })

  const state = Effect.fn("Roster.state")(function* (workspace: WorkspaceId) {
    return yield* stateAt(workspace, yield* numberOf(workspace))
  })

  const found = Effect.fn("Roster.found")(function* <E, E2>(
    statements: ReadonlyArray<Uint8Array>,
    check: (state: RosterState) => Effect.Effect<void, E>,
    mayUnite: (united: RosterState) => Effect.Effect<void, E2>
  ) {
    const brought = yield* whole(statements)
    yield* check(brought)
    const logId = LogId.make(bytesToId(yield* primitives.randomBytes(16)))
    const isNew = yield* storage.found(brought.workspace, logId, statements, yield* Clock.currentTimeMillis)
    return isNew ? yield* remember(brought) : yield* unite(brought.workspace, statements, mayUnite)
  })

  /** A list that was brought, verified from its beginning to its end. */
  const whole = Effect.fnUntraced(function* (statements: ReadonlyArray<Uint8Array>) {
    const folded = yield* fold(statements)
    if (folded.refusedAt !== undefined) return yield* folded.refusedAt.error
    if (folded.state === undefined) return yield* new Malformed({ what: "roster", message: "A roster has a beginning" })
    return folded.state.tooNew ? yield* tooNew() : folded.state
  })

  /** Appends what a verified roster says beyond the stored one, and a union where both have gone on [RLOG-11]. */
  const unite = Effect.fnUntraced(function* <E>(
    workspace: WorkspaceId,
    statements: ReadonlyArray<Uint8Array>,
    mayUnite: (united: RosterState) => Effect.Effect<void, E>
  ) {
    for (;;) {
      const number = yield* Effect.orDie(numberOf(workspace))
      const stored = yield* between(workspace, 0, number)
      const missing = missingFrom(stored, statements)
      if (missing.length === 0) {
        // What was compared is what the store has, whatever is folded here.
        cache.delete(workspace)
        return yield* stateAt(workspace, number)
      }
      const united = yield* whole([...stored, ...missing])
      yield* mayUnite(united)
      // Somebody may have been faster: the next turn of the loop looks.
      if (!(yield* storage.append(workspace, number, missing))) continue
      yield* remember(united)
      yield* fanOut.publishRoster(workspace, united.number)
      return united
    }
  })

  /** Whether the statement that stands at this number is this very one: a repeat after a lost answer. */
  const isStored = Effect.fnUntraced(function* (workspace: WorkspaceId, number: RosterNumber, statement: Uint8Array) {
    if (number < 1) return false
    const [stored] = yield* storage.after(workspace, RosterNumber.make(number - 1))
    return stored !== undefined && isSameBytes(stored, statement)
  })

  /** Whether the store's last statement is the last one that is folded here. */
  const isStoredHead = Effect.fnUntraced(function* (workspace: WorkspaceId, { head, number }: RosterState) {
    if ((yield* numberOf(workspace)) !== number) return false
    const [stored] = yield* storage.after(workspace, RosterNumber.make(number - 1))
    return stored !== undefined && hashOf(stored) === head
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
    // Before it is refused, it is compared with what the store has now.
    if (!follows(now) && !(yield* isStoredHead(workspace, now))) {
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
    if (!(yield* storage.append(workspace, now.number, [statement]))) {
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
      const members = yield* state(workspace)
      const reports = yield* storage.reports(workspace)
      return reports.filter(({ device }) => activeRole(members, device) !== undefined)
    })
  }
})

export class Roster extends Context.Service<
  Roster,
  {
    /**
     * Makes a workspace with a new and empty log from its whole roster, which is verified first; then `check` may refuse
     * it. A workspace that is there already gets what its roster lacks, unless `mayUnite` refuses the roster it would
     * have then [RLOG-9, RLOG-11].
     */
    readonly found: <E = never, E2 = never>(
      statements: ReadonlyArray<Uint8Array>,
      check: (state: RosterState) => Effect.Effect<void, E>,
      mayUnite: (united: RosterState) => Effect.Effect<void, E2>
    ) => Effect.Effect<RosterState, Malformed | StatementRefused | StorageFailed | E | E2>
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
