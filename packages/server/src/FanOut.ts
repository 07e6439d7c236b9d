/**
 * Tells connected devices about what was committed, from the bytes that are already in memory.
 *
 * One frame is encoded per page and shared by all subscribers of a workspace. Pages go out in the order of Seq and
 * without a gap: a page that does not follow the last one is not sent, and whoever listens to `moved` (another process
 * committed in between) reads the missing stretch from the log and publishes it. Nothing here is needed for
 * correctness: a device that hears nothing pulls by its cursor [LIVE-5]. Rules: docs/spec/server.md.
 */
import { Context, Effect, Layer, Queue } from "effect"
import { type DeviceId, encodePage, type Page, type RosterNumber, type Seq, type WorkspaceId } from "@tidemark/protocol"

/** One live reader. Its methods are called in order and must not wait for the network. */
export interface Subscriber {
  readonly device: DeviceId
  /** A page frame; `through` is the Seq it ends at. */
  readonly frame: (frame: Uint8Array, through: Seq) => Effect.Effect<void>
  /** Entries up to `head` exist that this reader is not sent: it pulls. */
  readonly behind: (head: Seq) => Effect.Effect<void>
  /** The roster has grown to `number`; the subscriber itself asks whether its device still has a place in it. */
  readonly rosterMoved: (number: RosterNumber) => Effect.Effect<void>
}

interface Room {
  readonly subscribers: Set<Subscriber>
  /** The Seq of the last page published, once there was one. */
  at: Seq | undefined
  roster: RosterNumber | undefined
}

/** The rooms of one process. */
const makeFanOut = Effect.gen(function* () {
  const rooms = new Map<WorkspaceId, Room>()
  const moved = yield* Queue.sliding<WorkspaceId>(1_024)

  const tellAll = (room: Room, tell: (subscriber: Subscriber) => Effect.Effect<void>) =>
    Effect.forEach([...room.subscribers], tell, { discard: true })

  const subscribe = (workspace: WorkspaceId, subscriber: Subscriber) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const room = rooms.get(workspace) ?? { subscribers: new Set(), at: undefined, roster: undefined }
        rooms.set(workspace, room)
        room.subscribers.add(subscriber)
      }),
      () =>
        Effect.sync(() => {
          const room = rooms.get(workspace)
          room?.subscribers.delete(subscriber)
          if (room?.subscribers.size === 0) rooms.delete(workspace)
        })
    )

  const publish = (workspace: WorkspaceId, page: Page): Effect.Effect<void> =>
    Effect.suspend(() => {
      const room = rooms.get(workspace)
      if (room === undefined || page.items.length === 0) return Effect.void
      const at = room.at ?? page.after
      if (page.through.seq <= at) return Effect.void
      if (page.after !== at) {
        return Effect.andThen(
          tellAll(room, (subscriber) => subscriber.behind(page.head)),
          Effect.asVoid(Queue.offer(moved, workspace))
        )
      }
      room.at = page.through.seq
      const frame = encodePage(page)
      return tellAll(room, (subscriber) => subscriber.frame(frame, page.through.seq))
    })

  const publishRoster = (workspace: WorkspaceId, number: RosterNumber): Effect.Effect<void> =>
    Effect.suspend(() => {
      const room = rooms.get(workspace)
      if (room === undefined || (room.roster !== undefined && number <= room.roster)) return Effect.void
      room.roster = number
      return tellAll(room, (subscriber) => subscriber.rosterMoved(number))
    })

  return {
    subscribe,
    publish,
    publishRoster,
    start: (workspace: WorkspaceId, head: Seq, roster: RosterNumber) =>
      Effect.sync(() => {
        const room = rooms.get(workspace)
        if (room === undefined) return
        room.at ??= head
        room.roster ??= roster
      }),
    watched: Effect.sync(() => [...rooms].map(([workspace, room]) => ({ workspace, at: room.at, roster: room.roster }))),
    moved
  }
})

export class FanOut extends Context.Service<
  FanOut,
  {
    /** Adds a reader until the scope closes. */
    readonly subscribe: (
      workspace: WorkspaceId,
      subscriber: Subscriber
    ) => ReturnType<Effect.Success<typeof makeFanOut>["subscribe"]>
    /** Says where a workspace stands, for a room that has not published yet. */
    readonly start: (workspace: WorkspaceId, head: Seq, roster: RosterNumber) => Effect.Effect<void>
    /** Sends a committed page to the workspace's readers, if there are any. */
    readonly publish: (workspace: WorkspaceId, page: Page) => Effect.Effect<void>
    /** Says that the roster has grown. */
    readonly publishRoster: (workspace: WorkspaceId, number: RosterNumber) => Effect.Effect<void>
    /** The workspaces with readers here, and how far each was told. */
    readonly watched: Effect.Effect<
      ReadonlyArray<{
        readonly workspace: WorkspaceId
        readonly at: Seq | undefined
        readonly roster: RosterNumber | undefined
      }>
    >
    /** Workspaces of which a page could not be sent because one before it is missing here. */
    readonly moved: Queue.Dequeue<WorkspaceId>
  }
>()("@tidemark/server/FanOut") {
  static readonly layer = Layer.effect(FanOut, makeFanOut)
}
