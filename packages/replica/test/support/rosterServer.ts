/** A workspace with a link for one device, and a server that knows its roster, over a network that loses answers. */
import { Effect, Layer, Stream } from "effect"
import { RosterMoved, RosterNumber, type RosterPage } from "@tidemark/protocol"
import { foldRoster, type Link, makeGrant, Primitives, type RosterState } from "@tidemark/crypto"
import { createWorkspace, Membership, ServerApi, type ServerError } from "@tidemark/replica"
import { LocalStoreMemory, MemoryDisk, Unreachable } from "@tidemark/sync"

const moved = () => new RosterMoved({ number: RosterNumber.make(0), message: "moved" })

const down = () => new Unreachable({ message: "The network is gone." })

/** The workspace: its founder's parts, a link for so many devices, and the statements so far. */
export const withLinkFor = Effect.fnUntraced(function* (uses: number) {
  const made = yield* createWorkspace({ origin: "http://localhost", name: "w" })
  const store = LocalStoreMemory.layer(new MemoryDisk())
  yield* Effect.provide(made.install, store)
  const context = yield* Layer.build(Membership.layer.pipe(Layer.provideMerge(store)))
  const membership = yield* Effect.provideContext(Membership, context)
  const { device: by, secret } = yield* membership.identity
  const state = yield* membership.roster
  const grant = yield* makeGrant({
    state,
    secret,
    by,
    keyring: membership.keyring,
    role: "editor",
    expiresAt: 1e12,
    uses,
    at: 1
  })
  const { linkSecret } = grant
  const link: Link = { origin: "http://localhost", accessToken: "token", linkSecret, workspace: made.workspace }
  return { context, link, statements: [...(yield* membership.statements), grant.bytes] }
})

/** With a link for one device. */
export const withLink = withLinkFor(1)

/** What happens to the n-th admission, counted from 1. */
export type Fate = "arrives" | "answerLost" | "lost"

/** A server with this roster, reached over a network that loses admissions. */
export class RosterServer {
  readonly statements: Array<Uint8Array>
  #folded: RosterState | undefined
  fates: Array<Fate> = []
  admits = 0
  rosterPulls = 0
  /** How many roster pulls fail after an admission was sent. */
  rosterFailures = 0
  /** Calls wait on their way until they are delivered. */
  isSlow = false
  readonly #underWay: Array<() => void> = []
  /** Every admission finds that somebody was faster. */
  isBusy = false
  changePage: (page: RosterPage) => RosterPage = (page) => page

  constructor(statements: ReadonlyArray<Uint8Array>) {
    this.statements = [...statements]
  }

  /** Lets every call that is under way arrive. */
  deliver(): void {
    for (const arrive of this.#underWay.splice(0)) arrive()
  }

  get layer(): Layer.Layer<ServerApi, never, Primitives> {
    return Layer.effect(
      ServerApi,
      Effect.map(Primitives, (primitives) => this.#api(primitives))
    )
  }

  #api(primitives: Primitives["Service"]): ServerApi["Service"] {
    const unused = Effect.die("not part of joining")
    const call = Effect.callback<void>((resume) => {
      if (this.isSlow) this.#underWay.push(() => resume(Effect.void))
      else resume(Effect.void)
    })
    return {
      challenge: Effect.as(call, "A".repeat(43)),
      found: () => unused,
      renew: () => Effect.succeed({ token: "device token", expiresInMillis: 900_000, role: "owner" as const }),
      grant: () => unused,
      revoke: () => unused,
      list: () => unused,
      head: () => unused,
      push: () => unused,
      pull: () => unused,
      doc: () => unused,
      refill: () => unused,
      tail: () => unused,
      checkpoints: () => unused,
      nameCheckpoint: () => unused,
      judgeCheckpoint: () => unused,
      report: () => unused,
      cursors: () => unused,
      live: () => Stream.die("not part of joining"),
      roster: (_session, after) =>
        Effect.andThen(
          call,
          Effect.suspend(() => this.#roster(after))
        ),
      admit: (_session, statement) =>
        Effect.gen({ self: this }, function* () {
          yield* call
          this.admits += 1
          const fate = this.fates.shift() ?? "arrives"
          if (fate === "lost") return yield* down()
          yield* this.#append(new Uint8Array(Buffer.from(statement, "base64url")))
          if (fate === "answerLost") return yield* down()
          const number = RosterNumber.make(this.statements.length)
          return { number, token: "device token", expiresInMillis: 900_000, role: "editor" as const }
        }).pipe(Effect.provideService(Primitives, primitives))
    }
  }

  #roster(after: RosterNumber): Effect.Effect<RosterPage, ServerError> {
    this.rosterPulls += 1
    if (this.rosterPulls > 20_000) return Effect.die("endless")
    if (this.admits > 0 && this.rosterFailures-- > 0) return Effect.fail(down())
    return Effect.succeed(this.changePage({ after, statements: this.statements.slice(after) }))
  }

  readonly #append = Effect.fnUntraced(function* (this: RosterServer, statement: Uint8Array) {
    const before = this.#folded ?? (yield* foldRoster(this.statements)).state
    const { refusedAt, state } = yield* foldRoster([statement], before)
    if (refusedAt?.error._tag === "StatementRefused") return yield* refusedAt.error
    const isFirst = this.#folded === undefined || this.#folded === before
    if (refusedAt !== undefined || !isFirst || this.isBusy) return yield* moved()
    this.#folded = state
    this.statements.push(statement)
  })
}
