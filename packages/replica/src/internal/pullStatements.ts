/** Reads a whole list of members from a server, page by page. */
import { Effect } from "effect"
import { RosterNumber, type RosterPage, statementCountMax } from "@tidemark/protocol"

/** Undefined where a page begins elsewhere than the one before ended, or the list is longer than any may be [REPLICA-24]. */
export const pullStatements = Effect.fnUntraced(function* <E, R>(
  read: (after: RosterNumber) => Effect.Effect<RosterPage, E, R>
) {
  const statements: Array<Uint8Array> = []
  for (;;) {
    const page = yield* read(RosterNumber.make(statements.length))
    if (page.statements.length === 0) return statements
    const isTooLong = statements.length + page.statements.length > statementCountMax
    if (page.after !== statements.length || isTooLong) return undefined
    statements.push(...page.statements)
  }
})
