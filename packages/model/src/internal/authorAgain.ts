/**
 * Writes operations of one Loro doc again in another, under other peers: each at its old place in history.
 *
 * An operation keeps its dependencies, Lamport time and timestamp, so it wins and loses against concurrent edits exactly as it
 * did; only its id is new. That is done by editing a checked-out version. Only maps are known here, and nothing else is in
 * a shard doc. Rules: docs/spec/model.md.
 */
import { type JsonChange, type LoroDoc, type LoroMap, type OpId, type PeerID, type Value } from "loro-crdt"
import { byPeerThenStart, type OperationSpan, type PeerId } from "../Span.ts"
import { loroPeer } from "./loro.ts"

/** What is left of a span where `into` holds its first operations already, with the same content. */
export const notShared = (from: LoroDoc, into: LoroDoc, span: OperationSpan): OperationSpan => {
  const known = into.oplogVersion().get(loroPeer(span.peer)) ?? 0
  const both = { ...span, end: Math.min(span.end, known) }
  const [mine, theirs] = [operationTexts(from, both), operationTexts(into, both)]
  const first = mine.findIndex((text, index) => text !== theirs[index])
  return { ...span, start: first < 0 ? Math.max(span.start, both.end) : span.start + first }
}

/** Each operation as text: equal texts mean that two docs have the same operation under that id. */
export const operationTexts = (loro: LoroDoc, span: OperationSpan): ReadonlyArray<string> =>
  changesOf(loro, span).flatMap(({ deps, id, lamport, ops, timestamp }) => {
    const start = idOf(id)
    return ops.map(({ container, content, counter }, index) => {
      const after = index === 0 ? deps.toSorted() : [`${counter - 1}@${start.peer}`]
      return JSON.stringify([container, content, lamport + counter - start.counter, timestamp, after])
    })
  })

/**
 * Writes the operations of these spans into `into`, which holds all they depend on besides each other. `peerOf` names the
 * fresh peer of an old one. Throws what Loro throws, or where an operation is not of a map.
 */
export const writeAgain = (
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
    for (const { container, content } of change.ops) writeOperation(into, container, content)
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

type Content = JsonChange["ops"][number]["content"]

const writeOperation = (loro: LoroDoc, container: string, content: Content): void => {
  if (content.type !== "insert" && content.type !== "delete") throw new Error(`an operation is a ${content.type}`)
  if (!("key" in content)) throw new Error(`an operation of ${container} is not of a map`)
  const map = mapOf(loro, container)
  if (content.type === "delete") map.delete(content.key)
  else {
    // JSON has no place for null in here: the value is left out.
    const value: unknown = "value" in content ? content.value : null
    if (isMapMarker(value)) map.ensureMergeableMap(content.key).free()
    else map.set(content.key, value as Exclude<Value, undefined>)
  }
  map.free()
}

const rootName = /^cid:root-(.*):Map$/s

const mapOf = (loro: LoroDoc, container: string): LoroMap => {
  const root = rootName.exec(container)?.[1]
  const found = loro.getContainerById(container as `cid:root-${string}:Map`)
  if (found !== undefined && found.kind() === "Map") return found as LoroMap
  if (root === undefined) throw new Error(`${container} is not there`)
  return loro.getMap(root)
}

/** How Loro writes a mergeable map into its parent: the bytes 0, "LM", 1, the kind, then a check. */
const isMapMarker = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 8 && [0, 76, 77, 1, 0].every((byte, index) => value[index] === byte)
