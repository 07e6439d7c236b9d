/** The log over memory: for tests and the World. An append is one synchronous step, so nothing can come between. */
import { Effect, Layer } from "effect"
import {
  batchCountMax,
  type DeviceId,
  DeviceSeq,
  type DocPage,
  type Page,
  Seq,
  type WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"
import { decideAppend, readItems } from "./internal/appendDecision.ts"
import {
  chainBefore,
  countThatFits,
  docPageThrough,
  forkByChain,
  forkByHead,
  pageItemsBytesMax,
  pagesOfCommit
} from "./internal/logPages.ts"
import { FanOut } from "./FanOut.ts"
import { Log, type LogOptions, type ReadDocFrom, type ReadFrom } from "./Log.ts"
import { MemoryStore, type MemoryWorkspace } from "./MemoryStore.ts"
import { activeRole, Roster } from "./RosterStore.ts"

const highestSeq = (held: MemoryWorkspace, device: DeviceId): DeviceSeq | undefined => {
  const numbers = [...(held.storedByDevice.get(device)?.keys() ?? [])]
  return numbers.length === 0 ? undefined : DeviceSeq.make(numbers.reduce((a, b) => Math.max(a, b), 0))
}

const readPage = (held: MemoryWorkspace, from: ReadFrom): Page => {
  const rest = held.entries.slice(from.after)
  const sizes = rest.map(({ bytes }) => bytes.length)
  const slice = rest.slice(0, countThatFits(sizes, pageItemsBytesMax(from.bytesMax)))
  const chain = slice.at(-1)?.chain ?? held.entries[from.after - 1]?.chain ?? chainBefore(held.row.logId)
  return {
    after: from.after,
    through: { logId: held.row.logId, seq: Seq.make(from.after + slice.length), chain },
    head: held.row.head,
    items: slice.map(({ bytes, seq }) => ({ _tag: "Entry", seq, bytes }))
  }
}

const readDocPage = (held: MemoryWorkspace, { after, bytesMax, doc }: ReadDocFrom): DocPage => {
  const { head, logId } = held.row
  const found = held.entries.filter((entry) => entry.seq > after && entry.doc === doc).slice(0, batchCountMax)
  const sizes = found.map(({ bytes }) => bytes.length)
  const slice = found.slice(0, countThatFits(sizes, pageItemsBytesMax(bytesMax)))
  const through = docPageThrough(held.row, after, slice.length, found.length, slice.at(-1)?.seq)
  const items = slice.map(({ bytes, seq }) => ({ _tag: "Entry", seq, bytes }) as const)
  return { logId, doc, after, through, head, items }
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
          return held === undefined
            ? Effect.fail(new WorkspaceUnknown({ message: "This server holds no such workspace" }))
            : Effect.succeed(held)
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
            stored.set(entry.deviceSeq, entry)
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
