/**
 * A writing client: seals entries with the real crypto, sends them until they are acknowledged, and again.
 *
 * The bytes under a DeviceSeq never change. A lost answer is followed by the same push, to the same server or another
 * one; acknowledged pushes are repeated now and then, also twice at once. Rules: docs/spec/chaos.md.
 */
import { Effect, Result } from "effect"
import { chainStart, hashOf, type Primitives, sealItem } from "@tidemark/crypto"
import { codecs, DeviceSeq, DocId, entryKinds, RosterNumber, Seq } from "@tidemark/protocol"
import type { ServerApi } from "@tidemark/replica"
import type { SeededRandom } from "../SeededRandom.ts"
import { type Member, meetRefusal } from "./Crew.ts"
import { type AuthoredEntry, keyOf, type Ledger } from "./Ledger.ts"
import { pauseFor } from "./internal/wallClock.ts"

/** Entries of one push. */
const batchCountMax = 5
/** Bytes of one item before sealing: some are compressed, some are not. */
const itemBytesMax = 2_000
/** Lanes of one author: pushes of one device that are on their way at once. */
const laneCount = 2
/** How long a client waits after a failure, in milliseconds. */
const pauseMillisMax = 30

type Api = ServerApi["Service"]
type Batch = ReadonlyArray<AuthoredEntry>

/** What an author works with. */
export interface AuthorOptions {
  readonly member: Member
  /** Every server process of the store; any of them will do. */
  readonly apis: ReadonlyArray<Api>
  readonly ledger: Ledger
  readonly random: SeededRandom
}

/** A choice of servers, entries and pauses from the seed. */
const makeSealer = ({ ledger, member, random }: AuthorOptions) => {
  const { device, keyring, logId, secret, session } = member
  let lastDeviceSeq = 0
  const newDoc = () => DocId.make(Buffer.from(random.bytes(16)).toString("base64url"))
  const firstDoc = newDoc()
  const docs = [firstDoc, newDoc(), newDoc()]
  const seal = (doc: DocId): Effect.Effect<AuthoredEntry, never, Primitives> =>
    Effect.gen(function* () {
      const deviceSeq = DeviceSeq.make(++lastDeviceSeq)
      const sealed = yield* sealItem({
        ...{ workspace: session.workspace, device, secret, keyring, doc, kind: entryKinds.update },
        ...{ codec: codecs.loro, item: random.bytes(random.between(1, itemBytesMax)), firstDeviceSeq: deviceSeq },
        roster: RosterNumber.make(1),
        seen: { logId, seq: Seq.make(0), chain: chainStart(logId) }
      })
      const bytes = sealed[0] ?? new Uint8Array()
      const entry = { device, deviceSeq, hash: hashOf(bytes), bytes }
      ledger.authored.set(keyOf(entry), entry.hash)
      return entry
    }).pipe(Effect.orDie)
  return Effect.suspend(() =>
    Effect.forEach(Array.from({ length: random.between(1, batchCountMax) }), () => seal(random.pick(docs) ?? firstDoc))
  )
}

/** Sends one batch once; whether everything in it is settled. */
const push = (options: AuthorOptions, batch: Batch): Effect.Effect<boolean, never, Primitives> =>
  Effect.gen(function* () {
    const { apis, ledger, member, random } = options
    const api = random.pick(apis)
    if (api === undefined) return false
    const entries = batch.map(({ bytes }) => bytes)
    const sent = { at: performance.now(), server: apis.indexOf(api) }
    ledger.underWay.add(sent)
    const answer = yield* Effect.result(api.push(member.session, entries))
    ledger.underWay.delete(sent)
    if (Result.isFailure(answer)) {
      const isMet = yield* meetRefusal(member, api, ledger, answer.failure)
      if (!isMet) ledger.report("refusals", `a push: ${answer.failure._tag}`)
      return false
    }
    const { results } = answer.success
    return batch
      .map((entry, index) => {
        const result = results[index]
        return result !== undefined && ledger.record(entry, result)
      })
      .every((isSettled) => isSettled)
  })

const pause = ({ random }: AuthorOptions) => pauseFor(random.between(1, pauseMillisMax))

const pushUntilSettled = (options: AuthorOptions, batch: Batch): Effect.Effect<void, never, Primitives> =>
  Effect.gen(function* () {
    while (!(yield* push(options, batch))) yield* pause(options)
  })

const lane = (options: AuthorOptions, seal: Effect.Effect<Batch, never, Primitives>) =>
  Effect.gen(function* () {
    const { ledger, random } = options
    let previous: Batch = []
    while (!ledger.isClosing) {
      const batch = yield* seal
      // Sometimes sent twice at once: only one of the two may store it, and both receipts are the same.
      const copies = random.chance(0.15) ? 2 : 1
      const sending = Effect.forEach(Array.from({ length: copies }), () => pushUntilSettled(options, batch), {
        concurrency: "unbounded",
        discard: true
      })
      yield* sending
      if (previous.length > 0 && random.chance(0.2)) yield* pushUntilSettled(options, previous)
      previous = batch
    }
  })

/** Writes until the ledger closes, and ends when everything it made is acknowledged. */
export const write = (options: AuthorOptions) => {
  const seal = makeSealer(options)
  return Effect.forEach(Array.from({ length: laneCount }), () => lane(options, seal), {
    concurrency: "unbounded",
    discard: true
  })
}
