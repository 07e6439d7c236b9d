/**
 * Three faults that other engines have had, put into the real one: the World has to fail with each of them [WORLD-13].
 *
 * `npm run sim:faults` applies them one by one. Rules: docs/spec/world.md.
 */
import type { SourceEdit } from "../SourceEdits.ts"
import type { ViolationKind } from "./Chronicle.ts"

export interface EngineFault {
  /** What is wrong, in words. */
  readonly sentence: string
  readonly edits: ReadonlyArray<SourceEdit>
  /** The server's storage, where the fault lives in one of them. */
  readonly storage?: "memory" | "sqlite"
  /** The violations it has to show; one of them is enough. */
  readonly shows: ReadonlyArray<ViolationKind>
}

/** The server answers a push, and commits it a little later. */
const acknowledgeBeforeCommit: EngineFault = {
  sentence: "the server acknowledges a push before its commit",
  edits: [
    {
      file: "packages/server/src/LogSql.ts",
      from: "yield* appending.insert(entries)",
      to: `const insert = appending.insert(entries)
            yield* Effect.forkDetach(Effect.ignore(Effect.andThen(Effect.sleep("20 millis"), sql.withTransaction(insert))))`
    }
  ],
  storage: "sqlite",
  shows: ["earlyReceipt"]
}

/** The cursor moves past a page whose entries were never applied. */
const skipPage: EngineFault = {
  sentence: "the cursor moves past a page that was not applied",
  edits: [
    {
      file: "packages/sync/src/Pull.ts",
      from: "yield* opener.open(slice.flatMap(toOpen))",
      to: "yield* opener.open(items.length > 4 ? [] : slice.flatMap(toOpen))"
    }
  ],
  shows: ["diverged", "lost"]
}

/** 409 says that the server's log is another one: the engine takes that as leave to forget what it has not sent. */
const dropOutboxOnConflict: EngineFault = {
  sentence: "the engine drops its outbox when the server answers 409 (LogForked)",
  edits: [
    {
      file: "packages/sync/src/Amnesia.ts",
      from: "const isSettled = yield* turn.lock.withPermit(",
      to: `const everything = { count: 100_000, bytes: 1e12, except: new Set<never>() }
      const dropped = (yield* store.sealed(everything)).map(({ deviceSeq }) => ({ deviceSeq, seq: common.seq }))
      const isSettled = yield* turn.lock.withPermit(`
    },
    {
      file: "packages/sync/src/Amnesia.ts",
      from: "batch: forgetAbove(now, common, log, notes)",
      to: "batch: { own: { cursor: common, ahead: [], marks: cutMarks(now.marks, common) }, settle: dropped }"
    }
  ],
  shows: ["lost"]
}

export const engineFaults = { acknowledgeBeforeCommit, skipPage, dropOutboxOnConflict } as const
export type EngineFaultName = keyof typeof engineFaults

export const isEngineFaultName = (name: string): name is EngineFaultName => Object.hasOwn(engineFaults, name)
