/**
 * Who asks: a verified token and what the roster says of its subject right now.
 *
 * Rights are read from the roster at every request, so a revocation is effective with the statement that says it
 * [TOKEN-4]. Rules: docs/spec/tokens.md.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { grantIsExpired, type RosterState } from "@tidemark/crypto"
import {
  type CallerShape,
  type DeviceId,
  Forbidden,
  type GrantId,
  type RateLimited,
  type Role,
  type StorageFailed,
  Unauthorized,
  type WorkspaceId,
  type WorkspaceUnknown
} from "@tidemark/protocol"
import { makeTokenBuckets } from "./internal/tokenBucket.ts"
import { unknownWorkspace } from "./internal/unknownWorkspace.ts"
import { Roster } from "./RosterStore.ts"
import { Tokens } from "./Tokens.ts"

/** Options of the callers' limits. */
export interface CallersOptions {
  /** Requests one device or link may make per second on average; unauthenticated ones, per address. */
  readonly requestsPerSecondMax: number
}

export class Callers extends Context.Service<
  Callers,
  {
    /** The caller behind a token. `revoked` and `unknown` are final; on `expired` and `forged` the device renews. */
    readonly authenticate: (
      token: string
    ) => Effect.Effect<CallerShape, Unauthorized | WorkspaceUnknown | RateLimited | StorageFailed>
    /** Counts a request of a caller that was authenticated before, as a live session's. */
    readonly countRequest: (caller: CallerShape) => Effect.Effect<void, RateLimited>
    /** Counts a request that needs no token, by where it comes from. */
    readonly countEntrance: (from: string) => Effect.Effect<void, RateLimited>
  }
>()("@tidemark/server/Callers") {
  static readonly layer = (options: CallersOptions) => Layer.effect(Callers, makeCallers(options))
}

const unknown = () =>
  new Unauthorized({ reason: "unknown", message: "The roster of this workspace has no such device" })

const revoked = () =>
  new Unauthorized({ reason: "revoked", message: "An owner ended this access. What is on your device stays there." })

/** A device's role, or why it has none. */
export const deviceRole = (state: RosterState, device: DeviceId): Effect.Effect<Role, Unauthorized> => {
  const held = state.devices.get(device)
  if (held === undefined) return Effect.fail(unknown())
  return held.revokedAt === undefined ? Effect.succeed(held.role) : Effect.fail(revoked())
}

const grantRole = (state: RosterState, id: GrantId, nowMillis: number): Effect.Effect<Role, Unauthorized> => {
  const grant = state.grants.get(id)
  if (grant === undefined) return Effect.fail(unknown())
  if (grant.revokedAt !== undefined) return Effect.fail(revoked())
  return grantIsExpired(grant, nowMillis)
    ? Effect.fail(new Unauthorized({ reason: "revoked", message: "This link has expired; ask for a new one" }))
    : Effect.succeed(grant.role)
}

const ranks: Record<Role, number> = { reader: 0, editor: 1, owner: 2 }

/** The caller's device, if it has at least this role; a link's token only admits. */
export const requireDevice = (caller: CallerShape, needed: Role): Effect.Effect<DeviceId, Forbidden> => {
  if (caller.subject._tag === "Grant") {
    return Effect.fail(new Forbidden({ role: caller.role, needed, message: "A link's token can only let a device in" }))
  }
  return ranks[caller.role] >= ranks[needed]
    ? Effect.succeed(caller.subject.device)
    : Effect.fail(
        new Forbidden({ role: caller.role, needed, message: `This needs the role ${needed}, not ${caller.role}` })
      )
}

/** Whether a path names the token's workspace. Another one is unknown, whether it exists or not [TOKEN-5]. */
export const requireWorkspace = (caller: CallerShape, workspace: WorkspaceId): Effect.Effect<void, WorkspaceUnknown> =>
  caller.workspace === workspace ? Effect.void : Effect.fail(unknownWorkspace())

const makeCallers = ({ requestsPerSecondMax }: CallersOptions) =>
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const roster = yield* Roster
    const takeSubject = makeTokenBuckets(requestsPerSecondMax)
    const keyOf = (subject: CallerShape["subject"]) => (subject._tag === "Device" ? subject.device : subject.grant)
    const takeEntrance = makeTokenBuckets(requestsPerSecondMax)
    return Callers.of({
      authenticate: Effect.fn("Callers.authenticate")(function* (token) {
        const { subject, workspace } = yield* tokens.verify(token)
        yield* takeSubject(keyOf(subject))
        const state = yield* roster.state(workspace)
        const role =
          subject._tag === "Device"
            ? yield* deviceRole(state, subject.device)
            : yield* grantRole(state, subject.grant, yield* Clock.currentTimeMillis)
        return { workspace, subject, role }
      }),
      countRequest: ({ subject }) => takeSubject(keyOf(subject)),
      countEntrance: takeEntrance
    })
  })
