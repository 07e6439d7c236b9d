/** A workspace with a link for one device, and a server that knows its roster, over a network that loses answers. */
import { Effect, Layer, Stream } from "effect"
import { RosterMoved, RosterNumber, type RosterPage } from "@tidemark/protocol"
import { foldRoster, type Link, makeGrant, Primitives } from "@tidemark/crypto"
import { createWorkspace, Membership, ServerApi, type ServerError } from "@tidemark/replica"
import { LocalStoreMemory, MemoryDisk, Unreachable } from "@tidemark/sync"

const down = () => new Unreachable({ message: "The network is gone." })

/** The workspace: its founder's parts, the link, and the statements so far. */
export const withLink = Effect.gen(function* () {
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
    uses: 1,
    at: 1
  })
  const { linkSecret } = grant
  const link: Link = { origin: "http://localhost", accessToken: "token", linkSecret, workspace: made.workspace }
  return { context, link, statements: [...(yield* membership.statements), grant.bytes] }
})

/** What happens to the n-th admission, counted from 1. */
export type Fate = "arrives" | "answerLost" | "lost"

/** A server with this roster, reached over a network that loses admissions. */
export class RosterServer {
  readonly statements: Array<Uint8Array>
  fates: Array<Fate> = []
  admits = 0
  rosterPulls = 0
  /** How many roster pulls fail after an admission was sent. */
  rosterFailures = 0
  changePage: (page: RosterPage) => RosterPage = (page) => page

  constructor(statements: ReadonlyArray<Uint8Array>) {
    this.statements = [...statements]
  }

  get layer(): Layer.Layer<ServerApi> {
    const unused = Effect.die("not part of joining")
    return Layer.succeed(ServerApi, {
      challenge: Effect.succeed("A".repeat(43)),
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
      roster: (_session, after) => Effect.suspend(() => this.#roster(after)),
      admit: (_session, statement) =>
        Effect.gen({ self: this }, function* () {
          this.admits += 1
          const fate = this.fates.shift() ?? "arrives"
          if (fate === "lost") return yield* down()
          yield* this.#append(new Uint8Array(Buffer.from(statement, "base64url")))
          if (fate === "answerLost") return yield* down()
          const number = RosterNumber.make(this.statements.length)
          return { number, token: "device token", expiresInMillis: 900_000, role: "editor" as const }
        }).pipe(Effect.provide(Layer.orDie(Primitives.layerWebCrypto)))
    })
  }

  #roster(after: RosterNumber): Effect.Effect<RosterPage, ServerError> {
    this.rosterPulls += 1
    if (this.rosterPulls > 20_000) return Effect.die("endless")
    if (this.admits > 0 && this.rosterFailures-- > 0) return Effect.fail(down())
    return Effect.succeed(this.changePage({ after, statements: this.statements.slice(after) }))
  }

  readonly #append = Effect.fnUntraced(function* (this: RosterServer, statement: Uint8Array) {
    const { refusedAt } = yield* foldRoster([...this.statements, statement])
    if (refusedAt === undefined) this.statements.push(statement)
    else if (refusedAt.error._tag === "StatementRefused") return yield* refusedAt.error
    else return yield* new RosterMoved({ number: RosterNumber.make(0), message: "moved" })
  })
}
