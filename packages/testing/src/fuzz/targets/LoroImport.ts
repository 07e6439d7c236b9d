/**
 * Fuzzes the way of updates and snapshots into a doc: changed bytes, most of them with Loro's checksum made right again,
 * so that they reach what stands behind it.
 *
 * An input is a push frame: the updates that come, and first the snapshot where a doc is opened from one. After each
 * import everything is read; what was accepted must give the same rows in another order, survive a snapshot, and let the
 * device go on writing. A Loro panic poisons its doc: counted, and the doc opens again without the culprit [IMP-5].
 */
import { Result } from "effect"
import { decodePush, encodePush } from "@tidemark/protocol"
import { DocUnusable, operationsIn, PeerId, ShardDoc } from "@tidemark/model"
import { type FuzzTarget, PromiseBroken, type Verdict } from "../FuzzTarget.ts"
import { mutateBytes, spliceBytes } from "../MutateBytes.ts"
import { at, loroSamples, type LoroSamples, Ours, shardId } from "../internal/loroSamples.ts"
import { xxHash32 } from "../internal/xxHash32.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const megabyte = 1_048_576

/** An export begins with `loro`, 12 zero bytes, the checksum of all that follows it (little-endian), and the mode. */
const checksumOffset = 16
const checkedOffset = 20
const modeBytes = 2
/** `LORO`, little-endian. */
const checksumSeed = 0x4f524f4c

const withChecksum = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length < checkedOffset) return bytes
  const checked = Uint8Array.from(bytes)
  new DataView(checked.buffer).setUint32(checksumOffset, xxHash32(checked.subarray(checkedOffset), checksumSeed), true)
  return checked
}

/** A change behind the mode, where Loro's own decoders read, with a right checksum. */
const forged = (random: SeededRandom, bytes: Uint8Array, other: Uint8Array): Uint8Array => {
  const start = checkedOffset + modeBytes
  const [body, otherBody] = [bytes.subarray(start), other.subarray(start)]
  const changed = random.chance(0.1)
    ? spliceBytes(random, body, otherBody)
    : mutateBytes(random, body, random.between(1, 4))
  return withChecksum(Buffer.concat([bytes.subarray(0, start), changed]))
}

const hostile = (random: SeededRandom, bytes: Uint8Array, other: Uint8Array): Uint8Array => {
  const kind = random.weighted({ forged: 85, mode: 3, raw: 7, whole: 5 })
  if (kind === "whole") return bytes
  if (kind === "raw") return mutateBytes(random, bytes)
  if (kind === "forged") return forged(random, bytes, other)
  return withChecksum(Uint8Array.from(bytes).fill(random.below(8), checkedOffset + 1, checkedOffset + modeBytes))
}

const rowsText = (shard: ShardDoc): string =>
  JSON.stringify(
    shard
      .allRows()
      .map((change) => JSON.stringify(change))
      .toSorted()
  )

const open = (updates: ReadonlyArray<Uint8Array>, snapshot?: Uint8Array) =>
  ShardDoc.open({ workspace: Ours, doc: shardId, snapshot, updates })

/** Reads everything a page could see, and then writes. */
const use = (shard: ShardDoc, { ownChange }: LoroSamples): void => {
  shard.rowsOf(shard.allRows().map(({ id }) => id))
  if (shard.recordCount < 0) throw new PromiseBroken("Loro: a negative number of records")
  const { isPending } = shard
  const snapshot = shard.exportSnapshot()
  if (Result.isFailure(snapshot) && snapshot.failure._tag === "DocUnusable") throw snapshot.failure
  if (Result.isSuccess(snapshot) && !isPending) {
    const again = Result.getOrThrow(open([], snapshot.success)).shard
    const isEqual = again.version() === shard.version() && rowsText(again) === rowsText(shard)
    again.free()
    if (!isEqual) throw new PromiseBroken("Loro: a snapshot of an accepted doc shows other rows")
  }
  const applied = shard.apply(PeerId.make("77"), [ownChange], at)
  if (Result.isFailure(applied) && applied.failure._tag === "DocUnusable") throw applied.failure
  if (Result.isFailure(applied)) return
  for (const { update } of applied.success?.updates ?? []) Result.getOrThrow(operationsIn(update))
}

/** Runs what may find that the doc is poisoned only now; anything else thrown is a finding. */
const unlessPoisoned = (shard: ShardDoc, read: () => Verdict): Verdict => {
  try {
    return read()
  } catch (error) {
    if (error instanceof DocUnusable && shard.isUnusable) return "poisoned"
    throw error
  } finally {
    shard.free()
  }
}

/** A doc that meets updates one import after another, as a device does. */
const runUpdates = (samples: LoroSamples, updates: ReadonlyArray<Uint8Array>): Verdict => {
  for (const update of updates) operationsIn(update)
  const shard = Result.getOrThrow(open(samples.base)).shard
  const report = shard.importUpdates(updates)
  return unlessPoisoned(shard, () => {
    if (report.poisoned) {
      assertReopens(samples, updates)
      return "poisoned"
    }
    const isRefused = report.refused.length === updates.length
    const [version, rows] = [shard.version(), rowsText(shard)]
    shard.rowsOf(report.changed)
    use(shard, samples)
    if (!isRefused) assertSameWhenReopened(samples, updates, version, rows)
    return isRefused ? "refused" : "accepted"
  })
}

/** The doc comes back from the same log, without the update that made Loro panic. */
const assertReopens = (samples: LoroSamples, updates: ReadonlyArray<Uint8Array>): void => {
  const reopened = Result.getOrThrow(open([...samples.base, ...updates])).shard
  reopened.allRows()
  reopened.free()
}

const assertSameWhenReopened = (
  samples: LoroSamples,
  updates: ReadonlyArray<Uint8Array>,
  version: string,
  rows: string
): void => {
  const other = Result.getOrThrow(open([...samples.base, ...updates])).shard
  const isEqual = other.version() === version && rowsText(other) === rows
  other.free()
  if (!isEqual) throw new PromiseBroken("Loro: the doc shows other rows after it was opened again from the same log")
}

const runSnapshot = (samples: LoroSamples, snapshot: Uint8Array, updates: ReadonlyArray<Uint8Array>): Verdict => {
  const opened = open([...samples.base, ...updates], snapshot)
  if (Result.isFailure(opened)) return "refused"
  const { shard } = opened.success
  return unlessPoisoned(shard, () => {
    use(shard, samples)
    return "accepted"
  })
}

/** Loro writes every panic to the console, with a stack of 30 lines; thousands of them would bury the report. */
const quietly = <A>(run: () => A): A => {
  const { console: terminal } = globalThis
  const write = terminal.error
  terminal.error = () => {}
  try {
    return run()
  } finally {
    terminal.error = write
  }
}

const limits = { cpuMillisMax: 6_000, memoryBytesMax: 256 * megabyte }

const loroTarget = (
  name: string,
  input: (random: SeededRandom, samples: LoroSamples) => ReadonlyArray<Uint8Array>,
  run: (samples: LoroSamples, entries: ReadonlyArray<Uint8Array>) => Verdict
): FuzzTarget => ({
  name,
  weight: 40,
  inputsPerProcess: 2_000,
  limits,
  prepare: async (random) => {
    const samples = loroSamples(random)
    return {
      input: (one) => encodePush(input(one, samples)),
      run: (bytes) => {
        const entries = decodePush(bytes)
        return Result.isFailure(entries) ? "refused" : quietly(() => run(samples, entries.success))
      }
    }
  }
})

const hostileUpdate = (random: SeededRandom, { updates }: LoroSamples): Uint8Array =>
  hostile(random, random.pick(updates) ?? new Uint8Array(0), random.pick(updates) ?? new Uint8Array(0))

/** Updates into a living doc. */
export const loroUpdates = loroTarget(
  "Loro updates",
  (random, samples) => Array.from({ length: random.between(1, 3) }, () => hostileUpdate(random, samples)),
  runUpdates
)

/** A doc opened from a snapshot and what came after it. */
export const loroSnapshot = loroTarget(
  "Loro snapshot",
  (random, samples) => {
    const [snapshot, other] = [random.pick(samples.snapshots), random.pick(samples.snapshots)]
    const first = hostile(random, snapshot ?? new Uint8Array(0), other ?? new Uint8Array(0))
    return [first, ...(random.chance(0.3) ? [hostileUpdate(random, samples)] : [])]
  },
  (samples, [snapshot, ...updates]) => runSnapshot(samples, snapshot ?? new Uint8Array(0), updates)
)
