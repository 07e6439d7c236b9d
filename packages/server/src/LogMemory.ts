/** The log over memory: for tests and the World. An append is one synchronous step, so nothing can come between. */
import { Effect, Layer } from "effect"
import { activeRole } from "@tidemark/crypto"
import {
  batchCountMax,
  type DeviceId,
  DeviceSeq,
  type DocItem,
  type DocPage,
  entryKinds,
  type Page,
  pageItemBytes,
  Seq,
  type WorkspaceId
} from "@tidemark/protocol"
import { decideAppend, readItems } from "./internal/appendDecision.ts"
import {
  chainBefore,
  countThatFits,
  docPageThrough,
  forkByChain,
  forkByHead,
  gapEnds,
  pageItemsBytesMax,
  pagesOfCommit,
  pageThrough,
  scanCountMax,
  withGaps
} from "./internal/logPages.ts"
import { unknownWorkspace } from "./internal/unknownWorkspace.ts"
import { FanOut } from "./FanOut.ts"
import { Log, type LogOptions, type ReadDocFrom, type ReadFrom } from "./Log.ts"
import { type MemoryEntry, MemoryStore, type MemoryWorkspace } from "./MemoryStore.ts"
import { Roster } from "./RosterStore.ts"

const highestSeq = (held: MemoryWorkspace, device: DeviceId): DeviceSeq | undefined => {
  const numbers = [...(held.storedByDevice.get(device)?.keys() ?? [])]
  return numbers.length === 0 ? undefined : DeviceSeq.make(numbers.reduce((a, b) => Math.max(a, b), 0))
}

/** A checkpoint's entries. */
const partsAt = (held: MemoryWorkspace, seq: Seq): ReadonlyArray<Uint8Array> => {
  const row = held.checkpoints.find((one) => one.seq === seq)
  if (row === undefined) throw new Error(`no checkpoint stands at ${seq}`)
  return held.entries
    .filter(({ device, deviceSeq }) => device === row.device && deviceSeq >= row.first)
    .toSorted((a, b) => a.deviceSeq - b.deviceSeq)
    .slice(0, row.parts)
    .flatMap(({ bytes }) => bytes ?? [])
}

/** What a page gives of an entry; nothing where it was replaced, its bytes being there still or not. */
const itemOf = (held: MemoryWorkspace, { bytes, chain, doc, seq, standIn }: MemoryEntry): ReadonlyArray<DocItem> => {
  if (standIn !== undefined) return [{ _tag: "Checkpoint", seq, chain, parts: partsAt(held, standIn) }]
  const isReplaced = held.checkpoints.some((row) => row.doc === doc && row.place > seq)
  return bytes === undefined || isReplaced ? [] : [{ _tag: "Entry", seq, bytes }]
}

const weightOf = (item: DocItem): number => pageItemBytes(item) - 13

const readPage = (held: MemoryWorkspace, from: ReadFrom): Page => {
  const { after } = from
  const until = Seq.make(Math.min(held.row.head, after + scanCountMax))
  const items = held.entries
    .slice(after, until)
    .filter(({ kind, standIn }) => kind !== entryKinds.checkpoint || standIn !== undefined)
    .flatMap((entry) => itemOf(held, entry))
    .slice(0, batchCountMax)
  const weights = items.map((item) => ({ seq: item.seq, bytes: weightOf(item) }))
  const through = pageThrough(after, until, weights, pageItemsBytesMax(from.bytesMax))
  const given = items.filter(({ seq }) => seq <= through)
  const chainAt = (seq: Seq) => held.entries[seq - 1]?.chain ?? chainBefore(held.row.logId)
  const chains = new Map(gapEnds(after, through, given).map((seq) => [seq, chainAt(seq)] as const))
  return {
    after,
    through: { logId: held.row.logId, seq: through, chain: chainAt(through) },
    head: held.row.head,
    items: withGaps(after, through, given, chains)
  }
}

const readDocPage = (held: MemoryWorkspace, { after, bytesMax, doc }: ReadDocFrom): DocPage => {
  const { head, logId } = held.row
  const standsIn = ({ device, deviceSeq }: MemoryEntry) =>
    held.checkpoints.some(
      (row) => row.place > 0 && row.device === device && deviceSeq >= row.first && deviceSeq < row.first + row.parts
    )
  const found = held.entries
    .filter((entry) => entry.seq > after && entry.doc === doc && (entry.standIn !== undefined || !standsIn(entry)))
    .flatMap((entry) => itemOf(held, entry))
    .slice(0, batchCountMax)
  const slice = found.slice(0, countThatFits(found.map(weightOf), pageItemsBytesMax(bytesMax)))
  const through = docPageThrough(held.row, after, slice.length, found.length, slice.at(-1)?.seq)
  return { logId, doc, after, through, head, items: slice }
}

/** The log over `MemoryStore`. */
export const layer = (options: LogOptions) =>
  Layer.effect(
    Log,
    Effect.gen(function* () {
      const { workspaces } = yield* MemoryStore
      const roster = yield* Roster
      const fanOut = yield* FanOut

      const find = (workspace: WorkspaceId) =>
        Effect.suspend(() => {
          const held = workspaces.get(workspace)
          return held === undefined ? Effect.fail(unknownWorkspace()) : Effect.succeed(held)
        })

      return Log.of({
        head: Effect.fn("Log.head")(function* (workspace, device) {
          const held = yield* find(workspace)
          const { chain, head, logId, roster: number } = held.row
          const last = device === undefined ? undefined : highestSeq(held, device)
          const hash =
            device === undefined || last === undefined ? undefined : held.storedByDevice.get(device)?.get(last)?.hash
          const lastItem = last === undefined || hash === undefined ? {} : { lastItem: { deviceSeq: last, hash } }
          return { logId, head, chain, roster: number, ...lastItem }
        }),

        append: Effect.fn("Log.append")(function* (workspace, device, entries) {
          const items = yield* Effect.fromResult(readItems(entries, device))
          const held = yield* find(workspace)
          const state = yield* roster.state(workspace)
          // Nothing is awaited from here on: the roster cannot move between the check and the append.
          const before = held.row
          const stored = held.storedByDevice.get(device) ?? new Map()
          const decision = decideAppend({
            row: before,
            appender: { device, role: activeRole(state, device) },
            items,
            stored,
            bytesMax: options.workspaceBytesMax
          })
          held.storedByDevice.set(device, stored)
          for (const entry of decision.entries) {
            // The pushed bytes are a view of a whole request; keep only the entry.
            held.entries.push({ ...entry, bytes: entry.bytes.slice() })
            stored.set(entry.deviceSeq, { hash: entry.hash, seq: entry.seq, chain: entry.chain })
          }
          held.row = { ...decision.row, roster: held.row.roster }
          const pages = pagesOfCommit(before, decision.entries)
          yield* Effect.forEach(pages, (page) => fanOut.publish(workspace, page), { discard: true })
          return { logId: before.logId, head: decision.row.head, results: decision.results }
        }),

        read: Effect.fn("Log.read")(function* (workspace, from) {
          const held = yield* find(workspace)
          const fork = forkByHead(held.row, from)
          if (fork !== undefined) return yield* fork
          const chain = held.entries[from.after - 1]?.chain ?? chainBefore(held.row.logId)
          const other = forkByChain(held.row, from, chain)
          return other === undefined ? readPage(held, from) : yield* other
        }),

        readDoc: Effect.fn("Log.readDoc")(function* (workspace, from) {
          const held = yield* find(workspace)
          const fork = forkByHead(held.row, from)
          return fork === undefined ? readDocPage(held, from) : yield* fork
        })
      })
    })
  )
