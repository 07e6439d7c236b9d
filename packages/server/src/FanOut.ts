/**
 * Tells connected devices about what was committed, from the bytes that are already in memory.
 *
 * One frame is encoded per page and shared by all subscribers of a workspace. Pages go out in the order of Seq and
 * without a gap: a page that does not follow the last one is not sent; a follower (another process committed in between) reads
 * the missing stretch from the log and publishes it, and without one the readers are told to pull. Nothing here is needed for
 * correctness: a device that hears nothing pulls by its cursor [FAN-5]. Rules: docs/spec/server.md.
 */
import { Context, Effect, Layer, Queue, type Scope } from "effect"
import {
  type Cursor,
  type DeviceId,
  encodePage,
  type Page,
  type RosterNumber,
  type Seq,
  type WorkspaceId
} from "@tidemark/protocol"

/** One live reader. Its methods are called in order and do not wait for anything. */
export interface Subscriber {
  readonly device: DeviceId
  /** A page frame, the same bytes for every reader; `through` is the Seq it ends at. */
  readonly frame: (frame: Uint8Array, through: Seq) => void
  /** Entries up to `head` exist that this reader is not sent: it pulls. */
  readonly behind: (head: Seq) => void
  /** The roster has grown to `number`; the subscriber itself asks whether its device still has a place in it. */
  readonly rosterMoved: (number: RosterNumber) => Effect.Effect<void>
  /** Devices have reported how far they have come. A hint: nobody needs it. */
  readonly cursorsMoved: () => void
}

/** Where something was committed; only what was committed `here` (the default) is told to other processes. */
export type Origin = "here" | "elsewhere"

/** A workspace with readers here: how far they were told, once anything was. */
export interface Watched {
  readonly workspace: WorkspaceId
  readonly at: Cursor | undefined
  readonly roster: RosterNumber | undefined
}

/** What another layer needs to keep several processes together: see `PostgresFollower.ts`. */
export interface Following {
  /** Workspaces that were appended to here: others should hear of it. */
  readonly committed: Queue.Dequeue<WorkspaceId>
  /** Workspaces of which a page came that does not follow the last one: what is between must be read. */
  readonly gaps: Queue.Dequeue<WorkspaceId>
  /** Workspaces of which devices reported here. */
  readonly reported: Queue.Dequeue<WorkspaceId>
}

export class FanOut extends Context.Service<
  FanOut,
  {
    /** Adds a reader until the scope closes. */
    readonly subscribe: (workspace: WorkspaceId, subscriber: Subscriber) => Effect.Effect<void, never, Scope.Scope>
    /** Says where a workspace stands, for a room that has not published yet. */
    readonly start: (workspace: WorkspaceId, at: Cursor, roster: RosterNumber) => Effect.Effect<void>
    /** Says where a workspace stands whose store was set back: what follows is published from there, and its readers pull. */
    readonly restart: (workspace: WorkspaceId, at: Cursor, roster: RosterNumber) => Effect.Effect<void>
    /** Sends a committed page to the workspace's readers, if there are any. */
    readonly publish: (workspace: WorkspaceId, page: Page, origin?: Origin) => Effect.Effect<void>
    /** Says that the roster has grown. */
    readonly publishRoster: (workspace: WorkspaceId, number: RosterNumber, origin?: Origin) => Effect.Effect<void>
    /** Says that devices have reported. */
    readonly publishCursors: (workspace: WorkspaceId, origin?: Origin) => Effect.Effect<void>
    /** Tells a workspace's readers to pull. */
    readonly publishBehind: (workspace: WorkspaceId, head: Seq) => Effect.Effect<void>
    /** The workspaces with readers here. */
    readonly watched: Effect.Effect<ReadonlyArray<Watched>>
    /** One of them, if it has readers here. */
    readonly watchedOf: (workspace: WorkspaceId) => Watched | undefined
    /** Hands what happens here to a follower, until its scope closes. */
    readonly follow: Effect.Effect<Following, never, Scope.Scope>
  }
>()("@tidemark/server/FanOut") {
  static readonly layer = Layer.suspend(() => Layer.sync(FanOut, makeFanOut))
}

interface Room {
  readonly subscribers: Set<Subscriber>
  at: Cursor | undefined
  roster: RosterNumber | undefined
}

/** Hints kept for a follower that lags; what is dropped it finds by its poll. */
const hintCountMax = 4_096

/** The rooms of one process. */
const makeFanOut = () => {
  const rooms = new Map<WorkspaceId, Room>()
  let follower: Record<keyof Following, Queue.Queue<WorkspaceId>> | undefined

  const readerFailed = Effect.logError("fan-out: a live reader failed")

  /** What goes wrong with one reader is no business of the others, nor of the receipt that follows. */
  const tellAll = (room: Room, tell: (subscriber: Subscriber) => void): Effect.Effect<void> =>
    Effect.suspend(() => {
      let failureCount = 0
      for (const subscriber of room.subscribers) {
        try {
          tell(subscriber)
        } catch {
          failureCount += 1
        }
      }
      return failureCount === 0 ? Effect.void : readerFailed
    })

  const tellRoster = (room: Room, number: RosterNumber): Effect.Effect<void> =>
    Effect.forEach(
      [...room.subscribers],
      (subscriber) => Effect.catchCause(subscriber.rosterMoved(number), () => readerFailed),
      { discard: true }
    )

  const leave = (workspace: WorkspaceId, subscriber: Subscriber) =>
    Effect.sync(() => {
      const room = rooms.get(workspace)
      room?.subscribers.delete(subscriber)
      if (room?.subscribers.size === 0) rooms.delete(workspace)
    })

  const join = (workspace: WorkspaceId, subscriber: Subscriber) =>
    Effect.sync(() => {
      const room = rooms.get(workspace) ?? { subscribers: new Set(), at: undefined, roster: undefined }
      rooms.set(workspace, room)
      room.subscribers.add(subscriber)
    })

  const hint = (workspace: WorkspaceId, origin: Origin = "here"): Effect.Effect<unknown> =>
    follower === undefined || origin === "elsewhere" ? Effect.void : Queue.offer(follower.committed, workspace)

  const publishTo = (room: Room, workspace: WorkspaceId, page: Page): Effect.Effect<void> => {
    const at = room.at?.seq ?? page.after
    if (page.through.seq <= at) return Effect.void
    if (page.after === at) {
      room.at = page.through
      const frame = encodePage(page)
      return tellAll(room, (subscriber) => subscriber.frame(frame, page.through.seq))
    }
    return follower === undefined
      ? tellAll(room, (subscriber) => subscriber.behind(page.head))
      : Effect.asVoid(Queue.offer(follower.gaps, workspace))
  }

  return FanOut.of({
    subscribe: (workspace, subscriber) =>
      Effect.acquireRelease(join(workspace, subscriber), () => leave(workspace, subscriber)),
    start: (workspace, at, roster) =>
      Effect.sync(() => {
        const room = rooms.get(workspace)
        if (room === undefined) return
        room.at ??= at
        room.roster ??= roster
      }),
    restart: (workspace, at, roster) =>
      Effect.suspend(() => {
        const room = rooms.get(workspace)
        if (room === undefined) return Effect.void
        room.at = at
        room.roster = roster
        return tellAll(room, (subscriber) => subscriber.behind(at.seq))
      }),
    publish: (workspace, page, origin) =>
      Effect.suspend(() => {
        if (page.items.length === 0) return Effect.void
        const room = rooms.get(workspace)
        return Effect.andThen(
          hint(workspace, origin),
          room === undefined ? Effect.void : publishTo(room, workspace, page)
        )
      }),
    publishRoster: (workspace, number, origin) =>
      Effect.suspend(() => {
        const room = rooms.get(workspace)
        const isNews = room !== undefined && (room.roster === undefined || number > room.roster)
        if (isNews) room.roster = number
        return Effect.andThen(hint(workspace, origin), isNews ? tellRoster(room, number) : Effect.void)
      }),
    publishCursors: (workspace, origin = "here") =>
      Effect.suspend(() => {
        const room = rooms.get(workspace)
        return Effect.andThen(
          follower === undefined || origin === "elsewhere" ? Effect.void : Queue.offer(follower.reported, workspace),
          room === undefined ? Effect.void : tellAll(room, (subscriber) => subscriber.cursorsMoved())
        )
      }),
    publishBehind: (workspace, head) =>
      Effect.suspend(() => {
        const room = rooms.get(workspace)
        return room === undefined ? Effect.void : tellAll(room, (subscriber) => subscriber.behind(head))
      }),
    watched: Effect.sync(() => [...rooms].map(([workspace, { at, roster }]) => ({ workspace, at, roster }))),
    watchedOf: (workspace) => {
      const room = rooms.get(workspace)
      return room === undefined ? undefined : { workspace, at: room.at, roster: room.roster }
    },
    follow: Effect.acquireRelease(
      Effect.gen(function* () {
        const queues = {
          committed: yield* Queue.sliding<WorkspaceId>(hintCountMax),
          gaps: yield* Queue.sliding<WorkspaceId>(hintCountMax),
          reported: yield* Queue.sliding<WorkspaceId>(hintCountMax)
        }
        follower = queues
        return queues
      }),
      () =>
        Effect.sync(() => {
          follower = undefined
        })
    )
  })
}
