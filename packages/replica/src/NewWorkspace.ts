/**
 * How a device comes to a workspace: it makes one, or it is let in by a link.
 *
 * Making one needs no network: the server learns of it at the first contact. Joining needs the network once, and no owner
 * awake: the link's own key signs the admission and opens the workspace key. Rules: docs/spec/replica.md.
 */
import { Clock, Effect, Option, Random, Result, Schedule } from "effect"
import type { RosterNumber, TokenAnswer, WorkspaceId } from "@tidemark/protocol"
import {
  deviceIdOf,
  foldRoster,
  type Link,
  linkKeysOf,
  makeAdmit,
  makeDeviceSecret,
  makeFound,
  makeKeyring,
  makeProof,
  type Primitives,
  publicKeysOf,
  type RosterState,
  statementText,
  unwrapKeyring,
  workspaceIdOf
} from "@tidemark/crypto"
import { type LocalStore, monotonicMillis, type StoreFailed } from "@tidemark/sync"
import { installedMeta, installWorkspace } from "./Identity.ts"
import { pullStatements } from "./internal/pullStatements.ts"
import { JoinFailed } from "./JoinFailed.ts"
import { heldToken } from "./RemoteSession.ts"
import { ServerApi, type ServerError, type Session } from "./ServerApi.ts"

/** A workspace this device belongs to, to be installed into the store named after it. */
export interface NewWorkspace {
  readonly workspace: WorkspaceId
  /** Writes identity, keyring and roster; until it returns nothing of the workspace is on this device. */
  readonly install: Effect.Effect<void, StoreFailed, LocalStore>
}

/** Makes a workspace whose owner is this device. `origin` is the server it will sync with. */
export const createWorkspace = Effect.fn("createWorkspace")(function* (options: {
  readonly origin: string
  readonly name: string
}): Effect.fn.Return<NewWorkspace, never, Primitives> {
  const secret = yield* makeDeviceSecret
  const keyring = yield* makeKeyring
  const keys = yield* publicKeysOf(secret)
  const at = yield* Clock.currentTimeMillis
  // A key pair of our own making has no small order, the only way this can fail.
  const found = yield* Effect.orDie(makeFound({ secret, keyring, at }))
  const workspace = workspaceIdOf(keys.signing)
  const identity = { workspace, device: deviceIdOf(keys.signing), secret, ...options }
  return { workspace, install: installWorkspace(installedMeta(identity, keyring, [found])) }
})

/** Where a link is asked for that is followed by `joinWorkspace`. */
export { decodeLink } from "@tidemark/crypto"

/** How often an admission is sent in all while no answer comes. */
const unansweredMax = 8

/** How long an admission is built again because others appended to the roster first, in milliseconds [REPLICA-28]. */
const overtakenMillisMax = 60_000

/** How long it waits before that, in milliseconds: between 0 and 50, 100, 200 … 1,600, by chance. */
const overtakenWaitMillis = (times: number, random: number): number =>
  Math.round(50 * 2 ** Math.min(times - 1, 5) * random)

/** Waits 0.5 s, 1 s, 2 s … 16 s: about half a minute in all, to learn whether an admission without an answer arrived. */
const rosterSchedule = Schedule.exponential("500 millis").pipe(Schedule.upTo({ times: 6 }))

/**
 * Joins by a link. `name` is this device's own word for the workspace.
 *
 * A link for one device is used up by the first admission that arrives, so the same keys are kept throughout: where the
 * answer to an admission is lost, the roster tells whether it arrived [REPLICA-23]. Where others were faster, it is tried again
 * after a while that is the longer, by chance, the more often that happened [REPLICA-28].
 */
export const joinWorkspace = Effect.fn("joinWorkspace")(function* (options: {
  readonly link: Link
  readonly name: string
}): Effect.fn.Return<NewWorkspace, JoinFailed, Primitives | ServerApi> {
  const { link, name } = options
  const session: Session = { workspace: link.workspace, token: link.accessToken }
  const began = yield* monotonicMillis
  const ask = (known: KnownRoster | undefined, isUnanswered: boolean) => {
    const pull = pullRoster(session, known)
    // What the admission will be signed over comes meanwhile.
    const challenge = Effect.result(Effect.flatMap(ServerApi, challengeOf))
    return Effect.all([isUnanswered ? Effect.retry(pull, rosterRetry) : pull, challenge], { concurrency: 2 })
  }
  // The first questions are on their way while keys are made.
  const [first, { grant, keys, linkSecret, secret }] = yield* Effect.all([ask(undefined, false), keysFor(link)], {
    concurrency: 2
  })
  const identity = { workspace: link.workspace, device: deviceIdOf(keys.signing), secret, origin: link.origin, name }
  let asked = first
  let unanswered = 0
  let overtaken = 0
  for (;;) {
    const [known, challenge] = asked
    const { state, statements } = known
    const granted = state.grants.get(grant)
    if (granted === undefined) return yield* failed("unknown", "This workspace knows no such link. Ask for a new one.")
    const keyring = yield* unwrapKeyring(granted.wraps, grant, linkSecret.agreementSeed).pipe(
      Effect.mapError(
        () =>
          new JoinFailed({ reason: "key", message: "This link does not open the workspace's key. Ask for a new link." })
      )
    )
    const at = yield* Clock.currentTimeMillis
    const joinedBy = (all: ReadonlyArray<Uint8Array>, answer?: TokenAnswer): NewWorkspace => ({
      workspace: link.workspace,
      install: installWorkspace(installedMeta(identity, keyring, all, answer && heldToken(identity.device, answer, at)))
    })
    if (state.devices.has(identity.device)) return joinedBy(statements)
    const admitted = yield* Effect.result(admit(session, { state, grant, link, keyring, secret, challenge, at }))
    if (Result.isFailure(admitted)) {
      unanswered += 1
      if (admitted.failure.reason !== "unreachable" || unanswered >= unansweredMax) return yield* admitted.failure
    } else if (Option.isSome(admitted.success)) {
      const { answer, statement } = admitted.success.value
      return joinedBy([...statements, statement], answer)
    } else {
      overtaken += 1
      if ((yield* monotonicMillis) - began >= overtakenMillisMax) return yield* tooBusy()
      yield* Effect.sleep(overtakenWaitMillis(overtaken, yield* Random.next))
    }
    asked = yield* ask(known, unanswered > 0)
  }
})

/** The link's keys, and the new device's. */
const keysFor = Effect.fnUntraced(function* ({ linkSecret: text }: Link) {
  const { grant, secret: linkSecret } = yield* linkKeysOf(text)
  const secret = yield* makeDeviceSecret
  return { grant, linkSecret, secret, keys: yield* publicKeysOf(secret) }
})

const tooBusy = () =>
  failed(
    "server",
    "Others kept joining or being changed for a minute, and this device could not get in between. Nothing was changed here; open the link again in a while."
  )

const failed = (reason: JoinFailed["reason"], message: string) => new JoinFailed({ reason, message })

const rosterUntrusted = () =>
  failed("server", "The server's list of members does not check out. Do not trust this server; nothing was changed.")

/** A roster with its statements. */
interface KnownRoster {
  readonly state: RosterState
  readonly statements: ReadonlyArray<Uint8Array>
}

/** Every statement the server has, verified. Those that are known already are not asked for again while the list goes on from them. */
export const pullRoster = Effect.fnUntraced(function* (
  session: Session,
  known?: KnownRoster
): Effect.fn.Return<KnownRoster, JoinFailed, ServerApi | Primitives> {
  const api = yield* ServerApi
  const read = (after: RosterNumber) => Effect.mapError(api.roster(session, after), joinFailedOf)
  const statements = yield* pullStatements(read, known?.statements)
  if (typeof statements === "string") return yield* rosterUntrusted()
  const { refusedAt, state = known?.state } = yield* foldRoster(
    statements.slice(known?.statements.length ?? 0),
    known?.state
  )
  if (refusedAt !== undefined && known !== undefined) return yield* pullRoster(session)
  if (state === undefined || refusedAt !== undefined || state.workspace !== session.workspace) {
    return yield* rosterUntrusted()
  }
  return { state, statements }
})

const rosterRetry = {
  schedule: rosterSchedule,
  while: ({ reason }: JoinFailed) => reason === "unreachable"
}

/** The admission as it stands in the roster now, and the token that came with it. */
interface Admitted {
  readonly answer: TokenAnswer
  readonly statement: Uint8Array
}

const challengeOf = ({ challenge }: ServerApi["Service"]) => challenge

/** Appends the admission. None: the roster has moved on; pull it and build the statement again. */
const admit = Effect.fnUntraced(function* (
  session: Session,
  input: Pick<Parameters<typeof makeAdmit>[0], "state" | "grant" | "keyring"> & {
    readonly link: Link
    readonly secret: Parameters<typeof makeAdmit>[0]["device"]
    readonly challenge: Result.Result<string, ServerError>
    /** Now, epoch milliseconds. */
    readonly at: number
  }
) {
  const api = yield* ServerApi
  const { at, grant, keyring, link, secret, state } = input
  const statement = yield* Effect.orDie(
    makeAdmit({ state, grant, linkSecret: link.linkSecret, device: secret, keyring, at })
  )
  const challenge = yield* Effect.fromResult(Result.mapError(input.challenge, joinFailedOf))
  const proof = yield* makeProof({ secret, action: "admit", workspace: link.workspace, challenge })
  return yield* api.admit(session, statementText(statement), proof).pipe(
    Effect.map((answer) => Option.some({ answer, statement })),
    Effect.catchTag("RosterMoved", () => Effect.succeed(Option.none<Admitted>())),
    Effect.mapError(joinFailedOf)
  )
})

const joinFailedOf = (error: ServerError): JoinFailed => {
  switch (error._tag) {
    case "Unreachable":
    case "StorageFailed":
    case "RateLimited":
      return failed("unreachable", `${error.message} Joining needs the network once; open the link again later.`)
    case "Unauthorized":
      if (error.reason === "expired") return failed("expired", "This link has expired. Ask for a new one.")
      if (error.reason === "revoked") return failed("revoked", "This link was revoked. Ask for a new one.")
      return failed("unknown", "The server does not accept this link. Copy it again, or ask for a new one.")
    case "WorkspaceUnknown":
      return failed(
        "unknown",
        "The server does not know this workspace (yet). Ask its owner to open it while online, then try again."
      )
    case "StatementRefused":
      if (error.reason === "grantExpired") return failed("expired", "This link has expired. Ask for a new one.")
      if (error.reason === "grantSpent")
        return failed("spent", "This link has let in as many devices as it may. Ask for a new one.")
      if (error.reason === "grantRevoked") return failed("revoked", "This link was revoked. Ask for a new one.")
      return failed("server", error.message)
    default:
      return failed("server", error.message)
  }
}
