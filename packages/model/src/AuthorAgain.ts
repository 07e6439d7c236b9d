/**
 * Writes operations of one Loro doc again in another, under other peers: each at its old place in history.
 *
 * An operation keeps its dependencies, Lamport time and timestamp, so it wins and loses against concurrent edits exactly as it
 * did; only its id is new. That is done by editing a checked-out version. Only maps and texts are known here, and nothing else
 * is in a shard doc. Rules: docs/spec/model.md.
 */
import type { JsonChange, LoroDoc, LoroMap, LoroText, OpId, PeerID, Value } from "loro-crdt"
import { Result } from "effect"
import { loroPeer } from "./internal/loro.ts"
import type { ShardDoc } from "./ShardDoc.ts"
import type { Exported } from "./UpdateLimits.ts"
import type { DocUnusable } from "./MutationError.ts"
import { byPeerThenStart, type OperationSpan, type PeerId } from "./Span.ts"

/** Operations written again, which were those of `originals`: one update, or several where one would hold too much. */
export interface AuthoredAgain {
  readonly updates: ReadonlyArray<Exported>
  readonly originals: ReadonlyArray<OperationSpan>
}

/**
 * Writes operations of `from`, another doc of the same id, again in `into` under fresh peers, and gives them as updates.
 * What `into` holds already under the same id and with the same content is left out; undefined where nothing is left.
 * Each keeps its place in history and its time: it wins and loses against others' edits as before [AGAIN-1]. `into` must
 * hold what they depend on. Where it fails, drop that doc.
 */
export const authorAgain = (
  into: ShardDoc,
  from: ShardDoc,
  spans: ReadonlyArray<OperationSpan>,
  peerOf: (old: PeerId) => PeerId
): Result.Result<AuthoredAgain | undefined, DocUnusable> => {
  let originals: ReadonlyArray<OperationSpan> = []
  const written = into.writeFrom(from, (theirs, ours) => {
    originals = spans.map((span) => notShared(theirs, ours, span)).filter(({ end, start }) => end > start)
    return originals.length === 0 ? [] : writeAgain(theirs, ours, originals, peerOf)
  })
  return Result.map(written, (updates) => (originals.length === 0 ? undefined : { updates, originals }))
}

/** What is left of a span where `into` holds its first operations already, with the same content. */
const notShared = (from: LoroDoc, into: LoroDoc, span: OperationSpan): OperationSpan => {
  const known = into.oplogVersion().get(loroPeer(span.peer)) ?? 0
  const both = { ...span, end: Math.min(span.end, known) }
  const [mine, theirs] = [operationTexts(from, both), operationTexts(into, both)]
  const first = mine.findIndex((text, index) => text !== theirs[index])
  return { ...span, start: first < 0 ? Math.max(span.start, both.end) : span.start + first }
}

/** Each operation as text: equal texts mean that two docs have the same operation under that id. */
const operationTexts = (loro: LoroDoc, span: OperationSpan): ReadonlyArray<string> =>
  changesOf(loro, span).flatMap(({ deps, id, lamport, ops, timestamp }) => {
    const start = idOf(id)
    return ops.flatMap(singleOperations).map(({ container, content, counter }, index) => {
      const after = index === 0 ? deps.toSorted() : [`${counter - 1}@${start.peer}`]
      return JSON.stringify([container, content, lamport + counter - start.counter, timestamp, after])
    })
  })

/**
 * Writes the operations of these spans into `into`, which holds all they depend on besides each other. `peerOf` names the
 * fresh peer of an old one. Throws what Loro throws, or where an operation is of neither a map nor a text.
 */
const writeAgain = (
  from: LoroDoc,
  into: LoroDoc,
  spans: ReadonlyArray<OperationSpan>,
  peerOf: (old: PeerId) => PeerId
): ReadonlyArray<OperationSpan> => {
  const ordered = spans.filter(({ end, start }) => end > start).toSorted(byPeerThenStart)
  const ends = new Map<PeerId, number>()
  const placed = ordered.map((span) => {
    const peer = peerOf(span.peer)
    const start = ends.get(peer) ?? 0
    ends.set(peer, start + span.end - span.start)
    return { ...span, fresh: peer, freshStart: start }
  })
  const renamed = (id: OpId): OpId => {
    const at = placed.find(({ end, peer, start }) => peer === id.peer && id.counter >= start && id.counter < end)
    return at === undefined ? id : { peer: loroPeer(at.fresh), counter: at.freshStart + id.counter - at.start }
  }
  const changes = ordered.flatMap((span) => changesOf(from, span))
  into.setDetachedEditing(true)
  for (const change of changes.toSorted((a, b) => a.lamport - b.lamport)) {
    into.checkout(change.deps.map((dep) => renamed(idOf(dep))))
    into.setPeerId(renamed(idOf(change.id)).peer)
    for (const operation of change.ops) writeOperation(into, operation)
    into.commit({ timestamp: change.timestamp })
  }
  into.setDetachedEditing(false)
  into.checkoutToLatest()
  const written = [...ends].map(([peer, end]) => ({ peer, start: 0, end }))
  for (const { end, peer } of written) {
    const found = into.oplogVersion().get(loroPeer(peer)) ?? 0
    if (found !== end) throw new Error(`${end} operations were written again as ${found}`)
  }
  return written
}

const changesOf = (loro: LoroDoc, { end, peer, start }: OperationSpan): ReadonlyArray<JsonChange> =>
  end <= start ? [] : loro.exportJsonInIdSpan({ peer: loroPeer(peer), counter: start, length: end - start })

const idOf = (text: string): OpId => {
  const [counter = "", peer = ""] = text.split("@")
  return { counter: Number(counter), peer: peer as PeerID }
}

type Operation = JsonChange["ops"][number]
type Content = Operation["content"]

/** A run of characters put in or taken out as one operation for each. Loro cuts runs as it likes. */
const singleOperations = (run: Operation): ReadonlyArray<Operation> => {
  const { content, counter } = run
  if (content.type === "insert" && "text" in content) {
    return [...content.text].map((text, index) => ({
      ...run,
      counter: counter + index,
      content: { ...content, pos: content.pos + index, text }
    }))
  }
  if (content.type !== "delete" || !("start_id" in content)) return [run]
  const first = idOf(content.start_id)
  const isBackward = content.len < 0
  const length = Math.abs(content.len)
  return Array.from({ length }, (_, index) => {
    const target = first.counter + (isBackward ? length - 1 - index : index)
    const start_id: typeof content.start_id = `${target}@${first.peer}`
    const pos = isBackward ? content.pos - index : content.pos
    return { ...run, counter: counter + index, content: { ...content, pos, len: 1, start_id } } as Operation
  })
}

const writeOperation = (loro: LoroDoc, operation: Operation): void => {
  const { container, content } = operation
  if (content.type !== "insert" && content.type !== "delete") throw new Error(`an operation is a ${content.type}`)
  if ("key" in content) return writeKey(loro, container, content)
  const isText = content.type === "insert" ? "text" in content : container.endsWith(":Text")
  if (!isText) throw new Error(`an operation of ${container} is neither of a map nor of a text`)
  const text = containerOf(loro, container, "Text") as LoroText
  for (const one of content.type === "delete" ? singleOperations(operation) : [operation]) writeCharacters(text, one)
  text.free()
}

/** Loro counts characters in its operations, and UTF-16 units in its calls. */
const writeCharacters = (text: LoroText, { container, content }: Operation): void => {
  if (!("pos" in content)) throw new Error(`an operation of ${container} has no place`)
  const unitOf = (place: number): number => {
    const unit = text.convertPos(place, "unicode", "utf16")
    if (unit === undefined) throw new Error(`${container} has no place ${place}`)
    return unit
  }
  const at = unitOf(content.pos)
  if (content.type === "delete") text.delete(at, unitOf(content.pos + 1) - at)
  else if ("text" in content) text.insert(at, content.text)
}

type KeyContent = Extract<Content, { readonly key: string }>

const writeKey = (loro: LoroDoc, container: string, content: KeyContent): void => {
  const map = containerOf(loro, container, "Map") as LoroMap
  if (content.type === "delete") map.delete(content.key)
  else {
    // JSON has no place for null in here: the value is left out.
    const value: unknown = "value" in content ? content.value : null
    if (isMapMarker(value)) map.ensureMergeableMap(content.key).free()
    else map.set(content.key, value as Exclude<Value, undefined>)
  }
  map.free()
}

const rootName = /^cid:root-(.*):(?:Map|Text)$/s

const containerOf = (loro: LoroDoc, container: string, kind: "Map" | "Text"): LoroMap | LoroText => {
  const root = rootName.exec(container)?.[1]
  const found = loro.getContainerById(container as `cid:root-${string}:Map`)
  if (found !== undefined && found.kind() === kind) return found as LoroMap | LoroText
  if (root === undefined) throw new Error(`${container} is not there`)
  return kind === "Map" ? loro.getMap(root) : loro.getText(root)
}

/** How Loro writes a mergeable map into its parent: the bytes 0, "LM", 1, the kind, then a check. */
const isMapMarker = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 8 && [0, 76, 77, 1, 0].every((byte, index) => value[index] === byte)
