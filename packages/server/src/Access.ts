/**
 * Ways to a token, and ways to end one: found, grant, admit, renew, revoke, list.
 *
 * Every way to a token needs a signature over a fresh challenge by the key the token is for: who merely has the bytes of
 * a statement gets nothing [ACCESS-1]. Statements are checked by the roster; clocks are checked here.
 * Rules: docs/spec/tokens.md.
 */
import { Clock, Context, Effect, Layer } from "effect"
import {
  deviceIdOf,
  grantIdOf,
  grantIsExpired,
  Primitives,
  statementBytes,
  type RosterState,
  verifyProof
} from "@tidemark/crypto"
import {
  type AccessList,
  type CallerShape,
  decodeStatement,
  type DeviceId,
  Forbidden,
  type Founding,
  GrantId,
  grantMillisMax,
  type LogId,
  Malformed,
  type Proof,
  type ProofAction,
  type PublicKey,
  type RateLimited,
  type RosterMoved,
  type RosterNumber,
  type StatementBody,
  StatementRefused,
  statementBytesMax,
  StatementText,
  type StorageFailed,
  type TokenAnswer,
  TooLarge,
  Unauthorized,
  type WorkspaceId,
  type WorkspaceUnknown
} from "@tidemark/protocol"
import { deviceRole, requireDevice } from "./Callers.ts"
import { Log } from "./Log.ts"
import { Roster } from "./RosterStore.ts"
import { Tokens } from "./Tokens.ts"

type StatementError = Malformed | TooLarge | StatementRefused | StorageFailed
type AppendError = StatementError | RosterMoved | WorkspaceUnknown
type ProofError = Unauthorized | RateLimited

export class Access extends Context.Service<
  Access,
  {
    /**
     * Founds a workspace from its whole roster for a device of it, or unites it with the one that is there; that device's
     * token [AMNESIA-1].
     */
    readonly found: (
      input: Founding
    ) => Effect.Effect<
      TokenAnswer & { readonly workspace: WorkspaceId; readonly logId: LogId },
      StatementError | ProofError
    >
    /** Registers an owner's grant; the access token goes into the link. */
    readonly grant: (
      caller: CallerShape,
      statement: StatementText
    ) => Effect.Effect<{ readonly accessToken: string; readonly number: RosterNumber }, AppendError | Forbidden>
    /** Lets a device in by a grant's link; the device's token. */
    readonly admit: (
      caller: CallerShape,
      input: { readonly statement: StatementText; readonly proof: Proof }
    ) => Effect.Effect<TokenAnswer & { readonly number: RosterNumber }, AppendError | ProofError | Forbidden>
    /** A new token for a device that proves its key. */
    readonly renew: (
      workspace: WorkspaceId,
      input: { readonly device: DeviceId; readonly proof: Proof }
    ) => Effect.Effect<TokenAnswer, ProofError | WorkspaceUnknown | StorageFailed>
    /** Ends a device's or grant's access. */
    readonly revoke: (
      caller: CallerShape,
      statement: StatementText
    ) => Effect.Effect<{ readonly number: RosterNumber }, AppendError | Forbidden>
    /** All devices and grants; for owners. */
    readonly list: (caller: CallerShape) => Effect.Effect<AccessList, Forbidden | WorkspaceUnknown | StorageFailed>
  }
>()("@tidemark/server/Access") {
  static readonly layer = Layer.suspend(() => Layer.effect(Access, makeAccess))
}

/** The longest text whose bytes can be a statement. */
const statementTextLengthMax = Math.ceil((statementBytesMax * 4) / 3)

/** Stands for a statement that is missing; it is malformed. */
const noStatement = StatementText.make("_")

const readBytes = Effect.fnUntraced(function* (text: StatementText) {
  if (text.length > statementTextLengthMax) {
    const message = `A statement has at most ${statementBytesMax} bytes`
    return yield* new TooLarge({ what: "statement", bytesMax: statementBytesMax, message })
  }
  return yield* Effect.fromResult(statementBytes(text))
})

/** The statement, if it is of the kind a route takes. */
const readKind = Effect.fnUntraced(function* <Kind extends StatementBody["kind"]>(text: StatementText, kind: Kind) {
  const bytes = yield* readBytes(text)
  const { body } = yield* Effect.fromResult(decodeStatement(bytes))
  const isKind = (one: typeof body): one is Extract<StatementBody, { readonly kind: Kind }> => one.kind === kind
  if (!isKind(body)) {
    return yield* new Malformed({
      what: "statement",
      message: `This route takes a ${kind} statement, not ${body.kind}`
    })
  }
  return { bytes, body }
})

const isFounder = (state: RosterState, id: DeviceId): boolean => {
  const device = state.devices.get(id)
  return device !== undefined && device.admittedBy === undefined && device.copyOf === undefined
}

const makeAccess = Effect.gen(function* () {
  const primitives = yield* Primitives
  const tokens = yield* Tokens
  const roster = yield* Roster
  const log = yield* Log

  const checkProof = Effect.fnUntraced(function* (
    publicKey: PublicKey,
    action: ProofAction,
    workspace: WorkspaceId,
    proof: Proof
  ) {
    const { challenge } = proof
    const isProven = yield* verifyProof({ publicKey, action, workspace, challenge, proof }).pipe(
      Effect.provideService(Primitives, primitives)
    )
    if (!isProven) {
      const message = "This proof is not by the key that the token is for; ask for a challenge and sign it again"
      return yield* new Unauthorized({ reason: "forged", message })
    }
    // Used up only by whoever holds the key, so that nobody can use up another's challenge.
    yield* tokens.useChallenge(challenge)
  })

  const issue = Effect.fnUntraced(function* (workspace: WorkspaceId, device: DeviceId) {
    const state = yield* roster.state(workspace)
    const role = yield* deviceRole(state, device)
    const use = isFounder(state, device) ? "master" : "device"
    yield* roster.seen(workspace, device)
    return { ...(yield* tokens.issueDevice(workspace, device, use)), role }
  })

  const found = Effect.fn("Access.found")(
    function* (input: Founding) {
      const statements = yield* Effect.forEach(input.statements, readBytes)
      const founder = yield* readKind(input.statements[0] ?? noStatement, "found")
      const device = input.device ?? deviceIdOf(founder.body.device.signing)
      const { workspace } = yield* roster.found(
        statements,
        Effect.fnUntraced(function* (state) {
          const held = state.devices.get(device)
          if (held !== undefined) yield* checkProof(held.keys.signing, "found", state.workspace, input.proof)
          yield* deviceRole(state, device)
        }),
        // Nobody brings what a revoked device has signed since but a member whom nothing of it puts out [AMNESIA-10].
        (united) => deviceRole(united, device)
      )
      // The server's roster may know more than the one given: a device revoked meanwhile gets no token.
      const answer = yield* issue(workspace, device)
      const { logId } = yield* log.head(workspace)
      return { ...answer, workspace, logId }
    },
    // The workspace is there: it was founded or found a moment ago.
    Effect.catchTag("WorkspaceUnknown", Effect.die)
  )

  const refuseGrant = (reason: "grantExpired", message: string) => new StatementRefused({ reason, message })

  const grant = Effect.fn("Access.grant")(function* (caller: CallerShape, text: StatementText) {
    yield* requireDevice(caller, "owner")
    const { body, bytes } = yield* readKind(text, "grant")
    const now = yield* Clock.currentTimeMillis
    if (grantIsExpired(body, now)) return yield* refuseGrant("grantExpired", "This grant's expiry has passed already")
    if (body.expiresAt - now > grantMillisMax) {
      return yield* refuseGrant("grantExpired", `A grant lasts at most ${grantMillisMax / 86_400_000} days`)
    }
    yield* roster.append(caller.workspace, bytes)
    const accessToken = yield* tokens.issueAccess(caller.workspace, grantIdOf(body.link.signing), body.expiresAt)
    return { accessToken, number: body.number }
  })

  const admit = Effect.fn("Access.admit")(function* (
    caller: CallerShape,
    input: { statement: StatementText; proof: Proof }
  ) {
    const { workspace } = caller
    const { body, bytes } = yield* readKind(input.statement, "admit")
    if (caller.subject._tag === "Grant" && caller.subject.grant !== body.by) {
      const message = "This link's token cannot be used with another link's admission"
      return yield* new Forbidden({ role: caller.role, needed: caller.role, message })
    }
    yield* checkProof(body.device.signing, "admit", workspace, input.proof)
    const state = yield* roster.state(workspace)
    const device = deviceIdOf(body.device.signing)
    const link = state.grants.get(GrantId.make(body.by))
    // A repeat after a lost answer finds its device in the roster; only a new one is held against the clock.
    if (!state.devices.has(device) && link !== undefined && grantIsExpired(link, yield* Clock.currentTimeMillis)) {
      return yield* refuseGrant("grantExpired", "This link has expired; ask for a new one")
    }
    yield* roster.append(workspace, bytes)
    return { ...(yield* issue(workspace, device)), number: body.number }
  })

  const renew = Effect.fn("Access.renew")(function* (
    workspace: WorkspaceId,
    { device, proof }: { device: DeviceId; proof: Proof }
  ) {
    const held = (yield* roster.state(workspace)).devices.get(device)
    // A device that is not there fails in `issue`; whether one is revoked is told only to whoever holds its key.
    if (held !== undefined) yield* checkProof(held.keys.signing, "renew", workspace, proof)
    return yield* issue(workspace, device)
  })

  const revoke = Effect.fn("Access.revoke")(function* (caller: CallerShape, text: StatementText) {
    const device = yield* requireDevice(caller, "reader")
    const { body, bytes } = yield* readKind(text, "revoke")
    const isItself = "device" in body.target && body.target.device === device
    if (!isItself) yield* requireDevice(caller, "owner")
    yield* roster.append(caller.workspace, bytes)
    return { number: body.number }
  })

  const list = Effect.fn("Access.list")(function* (caller: CallerShape) {
    yield* requireDevice(caller, "owner")
    const state = yield* roster.state(caller.workspace)
    const lastSeen = yield* roster.lastSeen(caller.workspace)
    const devices = [...state.devices].map(([device, { copyOf, revokedAt, role }]) => {
      const lastSeenAt = lastSeen.get(device)
      const known = {
        ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
        ...(copyOf === undefined ? {} : { copyOf })
      }
      return { device, role, revoked: revokedAt !== undefined, ...known }
    })
    const grants = [...state.grants].map(([id, { expiresAt, revokedAt, role, usesLeft }]) => ({
      grant: id,
      role,
      expiresAt,
      usesLeft,
      revoked: revokedAt !== undefined
    }))
    return { devices, grants }
  })

  return { found, grant, admit, renew, revoke, list }
})
