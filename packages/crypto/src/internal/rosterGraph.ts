/**
 * Folds a list of statements that goes two ways somewhere and is united again: each statement is checked where its author
 * stood, after the one it names, and a union adds up what stands before both of its heads.
 */
import {
  decodeUnion,
  type Hash,
  Malformed,
  RosterNumber,
  statementCountMax,
  StatementRefused,
  unionVersion
} from "@tidemark/protocol"
import { Effect, Result } from "effect"
import { hashOf } from "../Hash.ts"
import type { Primitives } from "../Primitives.ts"
import type { RosterState } from "../RosterState.ts"
import { mergeRosters } from "./mergeRosters.ts"
import { applyStatement, draftOf, previousOf, type RosterDraft, stateOf } from "./rosterDraft.ts"

type Refusal = StatementRefused | Malformed

/** A statement or a union, and what it comes right after: nothing for the first, two heads for a union. */
interface Item {
  readonly bytes: Uint8Array
  readonly hash: Hash
  readonly parents: ReadonlyArray<Hash>
}

/** How far a list could be folded; `index` is the first item that was not taken. */
export interface GraphFolded {
  readonly state: RosterState | undefined
  readonly refusedAt?: { readonly index: number; readonly error: Refusal }
}

const malformed = (message: string) => new Malformed({ what: "statement", message })

const parentsOf = (bytes: Uint8Array): Result.Result<ReadonlyArray<Hash>, Refusal> =>
  bytes[0] === unionVersion
    ? decodeUnion(bytes)
    : Result.map(previousOf(bytes), (previous) => (previous === undefined ? [] : [previous]))

const readItem = (bytes: Uint8Array): Result.Result<Item, Refusal> =>
  Result.map(parentsOf(bytes), (parents) => ({ bytes, hash: hashOf(bytes), parents }))

/** What one list is folded with: the states that are asked for again, and the ends that nothing follows yet. */
class Walk {
  readonly #items: ReadonlyArray<Item>
  readonly #from: RosterState | undefined
  readonly #indexByHash = new Map<Hash, number>()
  /** Items that something else than the next one follows. */
  readonly #forks = new Set<Hash>()
  readonly #states = new Map<Hash, RosterState>()
  readonly #heads = new Set<Hash>()
  #tip: RosterDraft | undefined
  /** The roster before the list went two ways, and how many items that took; only while it does. */
  #whole: { readonly state: RosterState | undefined; readonly count: number } | undefined

  constructor(items: ReadonlyArray<Item>, from: RosterState | undefined) {
    this.#items = items
    this.#from = from
    if (from !== undefined) {
      this.#tip = draftOf(from)
      this.#heads.add(from.head)
    }
    for (const [index, { parents }] of items.entries()) {
      const before = index === 0 ? from?.head : items[index - 1]?.hash
      for (const parent of parents) if (parents.length > 1 || parent !== before) this.#forks.add(parent)
    }
  }

  take = Effect.fnUntraced(function* (
    this: Walk,
    index: number,
    item: Item
  ): Effect.fn.Return<void, Refusal, Primitives> {
    if (this.#indexByHash.has(item.hash)) return yield* malformed("This statement stands in the list twice")
    const [one, other] = item.parents
    if (one !== undefined && other !== undefined) yield* Effect.fromResult(this.#unite(item, one, other, index))
    else {
      if (one !== undefined) yield* Effect.fromResult(this.#goTo(one, index))
      this.#tip = (yield* applyStatement(this.#tip, item.bytes)).draft
      if (one !== undefined) this.#heads.delete(one)
    }
    this.#indexByHash.set(item.hash, index)
    this.#heads.add(item.hash)
    if (this.#heads.size === 1) this.#whole = undefined
  })

  /** The roster so far. A list that still goes two ways counts up to where it began to. */
  end(index: number, refusal?: Refusal): GraphFolded {
    const whole = this.#whole
    if (whole === undefined) {
      const state = this.#tip === undefined ? undefined : stateOf(this.#tip)
      return refusal === undefined ? { state } : { state, refusedAt: { index, error: refusal } }
    }
    const error = refusal ?? malformed("This list of statements goes two ways and is not united again")
    return { state: whole.state, refusedAt: { index: whole.count, error } }
  }

  /** Makes the place after this item the tip. */
  #goTo(hash: Hash, index: number): Result.Result<void, Refusal> {
    const tip = this.#tip
    if (tip === undefined || tip.head === hash) {
      // The draft goes on; what is asked for again is kept as it stands here.
      if (tip !== undefined && this.#forks.has(hash)) this.#states.set(hash, stateOf(draftOf(stateOf(tip))))
      return Result.succeed(undefined)
    }
    this.#keepTip()
    const state = this.#states.get(hash)
    if (state === undefined) return Result.fail(malformed("This statement does not follow one of this roster"))
    if (this.#heads.size === 1) this.#whole = { state: stateOf(tip), count: index }
    this.#tip = draftOf(state)
    return Result.succeed(undefined)
  }

  #keepTip(): void {
    const tip = this.#tip
    if (tip !== undefined && this.#forks.has(tip.head)) this.#states.set(tip.head, stateOf(tip))
  }

  #unite(item: Item, one: Hash, other: Hash, index: number): Result.Result<void, Refusal> {
    const tip = this.#tip
    this.#keepTip()
    const [a, b] = [this.#states.get(one), this.#states.get(other)]
    const [before, beforeOther] = [this.#upTo(one), this.#upTo(other)]
    if (a === undefined || b === undefined || before.has(other) || beforeOther.has(one)) {
      return Result.fail(malformed("This union does not name two ends of this roster"))
    }
    const number = this.#countOf(new Set([...before, ...beforeOther])) + 1
    if (number > statementCountMax) {
      const message = `A roster holds ${statementCountMax} statements`
      return Result.fail(new StatementRefused({ reason: "tooMany", message }))
    }
    // One that leaves the only end aside makes the list go two ways, as a statement of an earlier place does.
    if (this.#heads.size === 1 && tip !== undefined) this.#whole = { state: stateOf(tip), count: index }
    this.#heads.delete(one)
    this.#heads.delete(other)
    this.#tip = draftOf(mergeRosters(a, b, { number: RosterNumber.make(number), head: item.hash }))
    return Result.succeed(undefined)
  }

  /** A statement and all that stand before it. */
  #upTo(head: Hash): ReadonlySet<Hash> {
    const met = new Set<Hash>()
    const open = [head]
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      if (met.has(hash)) continue
      met.add(hash)
      const index = this.#indexByHash.get(hash)
      if (index !== undefined) open.push(...(this.#items[index]?.parents ?? []))
    }
    return met
  }

  /** How many statements these are; the last of `from` stands for all before it, too. */
  #countOf(met: ReadonlySet<Hash>): number {
    const from = this.#from
    return from !== undefined && met.has(from.head) ? met.size - 1 + from.number : met.size
  }
}

/** Folds a list with branches, in one go; `from` must stand before all of them. */
export const foldGraph = Effect.fnUntraced(function* (
  statements: ReadonlyArray<Uint8Array>,
  from?: RosterState
): Effect.fn.Return<GraphFolded, never, Primitives> {
  const items: Array<Item> = []
  let unreadable: Refusal | undefined
  for (const bytes of statements) {
    const item = readItem(bytes)
    if (Result.isFailure(item)) {
      unreadable = item.failure
      break
    }
    items.push(item.success)
  }
  const walk = new Walk(items, from)
  for (const [index, item] of items.entries()) {
    const step = yield* Effect.result(walk.take(index, item))
    if (Result.isFailure(step)) return walk.end(index, step.failure)
  }
  return walk.end(items.length, unreadable)
})
