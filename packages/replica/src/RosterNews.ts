/**
 * Follows the server's list of members, and unites it with this device's where the two went different ways [AMNESIA-3].
 *
 * The server's list is the common one: what it lacks is handed to it, then it is taken over in its order. No one is asked, and
 * no statement of either is left out. Rules: docs/spec/amnesia.md, docs/spec/roster.md.
 */
import { Effect } from "effect"
import { hashOf } from "@tidemark/crypto"
import { type LogHead, RosterNumber, type RosterPage, statementCountMax } from "@tidemark/protocol"
import { type KnownHead, Refused, type RemoteError, type StoreFailed, Unreachable } from "@tidemark/sync"
import { pullStatements } from "./internal/pullStatements.ts"
import { remoteErrorOf } from "./internal/remoteErrorOf.ts"
import { Membership } from "./Membership.ts"
import { RemoteSession } from "./RemoteSession.ts"

/** How often the list is handed over and pulled again while others change it. */
const attemptsMax = 4

/** `read` gives the server's statements after a number. */
export const makeRosterNews = Effect.fnUntraced(function* (
  read: (after: RosterNumber) => Effect.Effect<RosterPage, RemoteError>
) {
  const membership = yield* Membership
  const session = yield* RemoteSession
  const place = Effect.mapError(membership.place, storeUnusable)
  const hand = Effect.mapError(session.handRoster, remoteErrorOf)

  /** Takes over the server's whole list, after everything that is known here is in it. */
  const unite = Effect.fn("RosterNews.unite")(function* () {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const list = yield* pullStatements(read)
      if (list === "otherPage") return yield* otherRosterPage
      if (list === "tooLong") return yield* rosterRefused("it is too long")
      const isTaken = yield* membership.adopt(list).pipe(
        Effect.catchTag("StoreFailed", (failure) => Effect.fail(storeUnusable(failure))),
        Effect.catchTag(["Malformed", "StatementRefused"], ({ message }) => Effect.fail(rosterRefused(message)))
      )
      if (isTaken) return (yield* place).number
      yield* hand
    }
    return yield* rosterRefused("it lacks statements that this device knows, and does not take them")
  })

  /** Pulls what is new; returns where this device's list stands then. */
  const refresh = Effect.fn("RosterNews.refresh")(function* () {
    for (;;) {
      const { head, number } = yield* place
      // The last statement is asked for again: another one in its place is another way.
      const after = RosterNumber.make(Math.max(0, number - 1))
      const page = yield* read(after)
      if (page.after !== after) return yield* otherRosterPage
      if (after + page.statements.length > statementCountMax) return yield* rosterRefused("it is too long")
      const [last] = page.statements
      if (last === undefined) return number
      if (head !== undefined && hashOf(last) !== head) return yield* unite()
      const news = page.statements.slice(number - after)
      if (news.length === 0) return number
      const appended = yield* membership.append(number, news).pipe(
        Effect.catchTag("StoreFailed", (failure) => Effect.fail(storeUnusable(failure))),
        // It may go two ways before the end of what is here: the whole list tells.
        Effect.catchTag(["Malformed", "StatementRefused"], () => Effect.succeed(undefined))
      )
      if (appended === undefined) return yield* unite()
      if (appended.number === number) return number
    }
  })

  return {
    refresh: refresh(),
    /** Before anything else is said: a server that lacks what is known here gets it. `ask` asks where it stands. */
    settle: Effect.fn("RosterNews.settle")(function* (
      ask: Effect.Effect<LogHead, RemoteError>
    ): Effect.fn.Return<KnownHead, RemoteError> {
      const log = yield* ask
      const { head, number } = yield* place
      if (log.roster > number) return log
      const isSame = log.roster === number && (log.rosterHead === undefined || log.rosterHead === head)
      if (isSame) return { ...log, isRosterHere: head !== undefined && log.rosterHead === head }
      yield* log.roster < number ? hand : Effect.asVoid(unite())
      return yield* ask
    })
  }
})

/** The engine meets the store's failure itself at its next step; until then, waiting is right. */
const storeUnusable = (failure: StoreFailed) => new Unreachable({ message: failure.message })

const otherRosterPage = new Unreachable({
  message: "The server answered with another part of the list of members than was asked for. Trying again."
})

const rosterRefused = (message: string) =>
  new Refused({
    reason: "roster",
    message: `The server sent a list of members that does not check out (${message}). It was not taken over; your edits are safe on this device.`
  })
