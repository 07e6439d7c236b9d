/** Reads a whole list of members from a server, page by page. */
import { Effect } from "effect"
import { isLastRosterPage, RosterNumber, type RosterPage, statementCountMax } from "@tidemark/protocol"

/** Why a list was not read to its end: a page of another place than was asked for, or more than any list holds [REPLICA-24]. */
type PullRefused = "otherPage" | "tooLong"

/** All statements, those that are `known` without asking; or why not. */
export const pullStatements = Effect.fnUntraced(function* <E, R>(
  read: (after: RosterNumber) => Effect.Effect<RosterPage, E, R>,
  known: ReadonlyArray<Uint8Array> = []
) {
  const statements = [...known]
  for (;;) {
    const page = yield* read(RosterNumber.make(statements.length))
    if (page.statements.length === 0) return statements
    if (page.after !== statements.length) return "otherPage" satisfies PullRefused
    if (statements.length + page.statements.length > statementCountMax) return "tooLong" satisfies PullRefused
    statements.push(...page.statements)
    if (isLastRosterPage(page)) return statements
  }
})
