/**
 * The roster: who may do what in a workspace, folded from its statements.
 *
 * A statement is appended only if it continues the chain (number, previous hash, workspace), is signed by its author, and
 * the author may do it. A refused statement changes nothing. Clocks play no part here: whether a grant has expired is
 * asked by the server alone, with `grantIsExpired` [ROSTER-9]. Rules: docs/spec/roster.md.
 */
import {
  type Malformed,
  type StatementBody,
  type StatementPieces,
  type StatementRefused,
  unionVersion
} from "@tidemark/protocol"
import { Effect } from "effect"
import { applyStatement, draftOf, type RosterDraft, stateOf } from "./internal/rosterDraft.ts"
import { foldGraph } from "./internal/rosterGraph.ts"
import type { Primitives } from "./Primitives.ts"
import type { RosterGrant, RosterState } from "./RosterState.ts"

/** A statement of a kind this code does not know. */
export type UnknownStatement = Extract<StatementPieces["body"], { readonly kind: "unknown" }>

/** The roster with one more statement, and what that statement said. */
export interface Appended {
  readonly state: RosterState
  readonly body: StatementBody | UnknownStatement
}

/**
 * Appends one stored statement; `undefined` stands for the empty roster.
 *
 * `Malformed`: the bytes are no statement, or it does not follow `state` (another number or previous hash).
 * `StatementRefused`: it follows, but breaks a rule; its reason says which. A server must also refuse a body of kind
 * `unknown` (reason `tooNew`), since it cannot enforce what it does not know.
 */
export const appendStatement = Effect.fnUntraced(function* (
  state: RosterState | undefined,
  bytes: Uint8Array
): Effect.fn.Return<Appended, StatementRefused | Malformed, Primitives> {
  const { draft, body } = yield* applyStatement(state === undefined ? undefined : draftOf(state), bytes)
  return { state: stateOf(draft), body }
})

/** How far a list of statements could be folded. */
export interface Folded {
  /** The roster after the last good statement; `undefined` where not even the first was good. */
  readonly state: RosterState | undefined
  /** The first statement that was not good: its index in the list and why. The ones after it were not looked at. */
  readonly refusedAt?: { readonly index: number; readonly error: StatementRefused | Malformed }
}

/**
 * Appends statements in order, in one go, up to the first that may not be appended. Never fails: it says how far it came.
 *
 * The list may go two ways and be united again [ROSTER-14]; one that still goes two ways at its end is good up to where it
 * begins to. Where it begins to before the end of `from`, fold the whole list instead.
 */
export const foldRoster = Effect.fnUntraced(function* (
  statements: ReadonlyArray<Uint8Array>,
  from?: RosterState
): Effect.fn.Return<Folded, never, Primitives> {
  let draft: RosterDraft | undefined = from === undefined ? undefined : draftOf(from)
  for (const [index, bytes] of statements.entries()) {
    const step = yield* Effect.result(applyStatement(draft, bytes))
    if (step._tag === "Failure") {
      // Most lists are one line, and need no more than this loop.
      if (isUnion(bytes) || statements.slice(index).some(isUnion)) return yield* foldGraph(statements, from)
      return { state: draft === undefined ? undefined : stateOf(draft), refusedAt: { index, error: step.failure } }
    }
    draft = step.success.draft
  }
  return { state: draft === undefined ? undefined : stateOf(draft) }
})

const isUnion = (bytes: Uint8Array): boolean => bytes[0] === unionVersion

/** Whether a grant's time is over by this clock. For the server: a device has no clock anyone must trust. */
export const grantIsExpired = (grant: Pick<RosterGrant, "expiresAt">, nowMillis: number): boolean =>
  nowMillis >= grant.expiresAt
