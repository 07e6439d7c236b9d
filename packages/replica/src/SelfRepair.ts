/**
 * Heals damage of this device's storage as far as this device can, and checks all of it when asked.
 *
 * `mend` runs whenever damage turns up, in every tab, since each tab has other docs in memory; `check` is `Check my data`.
 * Rules: docs/spec/check.md.
 */
import { Effect, Option, Queue, Result, Schema, Stream } from "effect"
import { type DocId, Seq } from "@tidemark/protocol"
import {
  type Behind,
  docsToFetchAgain,
  lostSeqStart,
  type Quarantined,
  Sealer,
  type SealedItem,
  type StoreFailed,
  unknownDoc,
  type VerifyPlace
} from "@tidemark/sync"
import type { CheckReport, CheckStep, DamageShown } from "./CheckReport.ts"
import { checkRows } from "./CheckRows.ts"
import { replicaKeys } from "./Identity.ts"
import { foundFields, updateNumber } from "./internal/foundFields.ts"
import { mendDoc } from "./MendDoc.ts"
import { mendValues } from "./MendValues.ts"
import { WritePath } from "./WritePath.ts"

const decodeId = Schema.decodeOption(Schema.fromJsonString(Schema.Int))

export interface SelfRepair {
  /** Heals what is open, each damage once when it is new and once when its doc was fetched again. */
  readonly mend: Effect.Effect<void, StoreFailed>
  /** Looks at everything that is stored, heals what it can, and ends with a report. */
  readonly check: Stream.Stream<CheckStep, StoreFailed>
}

export const makeSelfRepair = Effect.fnUntraced(function* (): Effect.fn.Return<SelfRepair, never, WritePath | Sealer> {
  const path = yield* WritePath
  const sealer = yield* Sealer
  const { store } = path
  /** What was tried of each damage: while its doc was still to be fetched, and after that. */
  const tried = new Set<string>()

  const mendOpen = Effect.fnUntraced(function* (open: ReadonlyArray<Quarantined>, toFetch: ReadonlySet<DocId>) {
    const byDoc = Map.groupBy(open, ({ doc }) => doc)
    for (const [doc, damages] of byDoc) {
      const isToFetch = toFetch.has(doc ?? unknownDoc)
      if (doc === undefined) {
        if (!isToFetch) yield* healUnknown(damages)
      } else {
        const salvaged = yield* salvageSealed(path, sealer, damages)
        yield* path.exclusively(mendDoc(path, { doc, damages, salvaged, isToFetch }))
      }
      for (const { id } of damages) tried.add(turnOf(id, isToFetch))
      yield* Effect.yieldNow
    }
  })

  /** What belongs to no known doc is healed where everything was pulled again, and it was the server's. */
  const healUnknown = Effect.fnUntraced(function* (damages: ReadonlyArray<Quarantined>) {
    const heal = damages
      .filter((damage) => foundFields(damage).isFromServer)
      .map(({ id }) => ({ id, healed: "Everything was pulled again from the server." }))
    if (heal.length === 0) return
    yield* store.write({ docs: [], meta: [] }, () => ({ _tag: "Commit", batch: { heal }, value: undefined }))
  })

  const openDamages = Effect.map(store.quarantined, (all) =>
    all.filter(({ healed, table }) => healed === undefined && docTables.has(table))
  )

  const mend = Effect.gen(function* () {
    yield* mendValues(store)
    const open = yield* openDamages
    if (open.length === 0) return
    const toFetch = yield* docsToFetchAgain(store)
    const due = open.filter(({ doc, id }) => !tried.has(turnOf(id, toFetch.has(doc ?? unknownDoc))))
    yield* mendOpen(due, toFetch)
  })

  const checkAll = Effect.fn("SelfRepair.check")(function* (told: (step: CheckStep) => Effect.Effect<void>) {
    const reported = yield* Effect.map(store.meta([replicaKeys.reported]), (values) =>
      Option.getOrElse(decodeId(values.get(replicaKeys.reported) ?? ""), () => 0)
    )
    let records = 0
    let place: VerifyPlace | undefined
    do {
      const step = yield* store.verify(place)
      records += step.checked
      place = step.next
      yield* told({ _tag: "Checking", what: "records", done: records })
      yield* Effect.yieldNow
    } while (place !== undefined)
    yield* mendValues(store)
    yield* mendOpen(yield* openDamages, yield* docsToFetchAgain(store))
    const { mended, rows } = yield* checkRows(path, (done) => told({ _tag: "Checking", what: "rows", done }))
    const all = yield* store.quarantined
    const last = all.at(-1)?.id ?? 0
    yield* store.write({ docs: [], meta: [] }, () => ({
      _tag: "Commit",
      batch: { meta: new Map([[replicaKeys.reported, JSON.stringify(last)]]) },
      value: undefined
    }))
    const report: CheckReport = {
      ...{ records, rows, rowsMended: mended },
      found: all.filter(({ id }) => id > reported).map(toShown),
      open: all.filter(({ healed, id }) => id <= reported && healed === undefined).map(toShown)
    }
    yield* told({ _tag: "Checked", report })
  })

  const check = Stream.callback<CheckStep, StoreFailed>((queue) =>
    checkAll((step) => Effect.asVoid(Queue.offer(queue, step))).pipe(
      Effect.matchCauseEffect({
        onFailure: (cause) => Queue.failCause(queue, cause),
        onSuccess: () => Queue.end(queue)
      }),
      Effect.asVoid
    )
  )

  return { mend, check }
})

/** Tables whose records belong to docs, and are healed with them. */
const docTables: ReadonlySet<string> = new Set(["updates", "snapshots", "held"])

const turnOf = (id: number, isToFetch: boolean): string => `${id} ${isToFetch}`

const toShown = (damage: Quarantined): DamageShown => {
  const { doc, healed, id, table } = damage
  return {
    id,
    table,
    isOnlyHere: table === "updates" && !foundFields(damage).isFromServer,
    ...(doc === undefined ? {} : { doc }),
    ...(healed === undefined ? {} : { healed })
  }
}

/** The bytes of sealed items that cover damaged updates: what they hold is what was damaged, and perhaps more. */
const salvageSealed = Effect.fnUntraced(function* (
  { store }: WritePath["Service"],
  sealer: Sealer["Service"],
  damages: ReadonlyArray<Quarantined>
): Effect.fn.Return<ReadonlyArray<Uint8Array>, StoreFailed> {
  const numbers = new Set(
    damages.filter(({ isContentWhole }) => !isContentWhole).flatMap((one) => updateNumber(one) ?? [])
  )
  if (numbers.size === 0) return []
  const sealed = (yield* store.sealedNumbers).map(({ deviceSeq }) => deviceSeq)
  const { value } = yield* store.write({ docs: [], meta: [], sealed }, (view) => ({
    _tag: "Abort",
    value: [...view.sealed.values()]
  }))
  const covering = value.filter(({ covers }) => covers.some((localSeq) => numbers.has(localSeq)))
  const items = Map.groupBy(covering, ({ first }) => first)
  const opened = yield* Effect.forEach(items.values(), (parts) => Effect.result(openItem(sealer, parts)))
  return opened.flatMap((one) => (Result.isSuccess(one) ? one.success : []))
})

/** Opens an own item as if it had come in the log, under numbers that no log has. */
const openItem = (
  sealer: Sealer["Service"],
  parts: ReadonlyArray<SealedItem>
): Effect.Effect<ReadonlyArray<Uint8Array>, Behind> => {
  const entries = parts
    .toSorted((a, b) => a.deviceSeq - b.deviceSeq)
    .map(({ bytes }, index) => ({ seq: Seq.make(lostSeqStart + index), bytes }))
  return Effect.map(sealer.open(entries, []), (opened) =>
    opened.flatMap((one): ReadonlyArray<DocBytes> => (one._tag === "Item" ? [one.item] : [])).map(({ bytes }) => bytes)
  )
}

interface DocBytes {
  readonly doc: DocId
  readonly bytes: Uint8Array
}
