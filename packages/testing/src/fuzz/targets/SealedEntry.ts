/**
 * Fuzzes `openEntry` and `joinParts`: entries changed on the way, entries changed and signed again, and entries that a
 * member of the workspace sealed and signed to do harm (lying lengths, bombs, parts of different items).
 *
 * An input is a push frame of the parts of one item. Opened by WebCrypto, as in a browser.
 */
import { gzipSync } from "node:zlib"
import { Effect, ManagedRuntime, Result } from "effect"
import { joinParts, openEntry, type OpenedPart, Primitives, sealItem } from "@tidemark/crypto"
import {
  codecs,
  compressions,
  type Cursor,
  decodePush,
  DeviceSeq,
  encodePush,
  encodeSealedBody,
  entryKinds,
  type EnvelopeHeader,
  RosterNumber
} from "@tidemark/protocol"
import { type FuzzTarget, PromiseBroken } from "../FuzzTarget.ts"
import { mutateBytes, spliceBytes } from "../MutateBytes.ts"
import { type CryptoWorld, cryptoWorld, runCryptoWith, sealPlaintext, signEntry } from "../internal/cryptoWorld.ts"
import { isSame } from "../internal/isSame.ts"
import { cursorOf, samplesOf } from "../internal/samples.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const megabyte = 1_048_576

interface Gzip {
  readonly length: number
  readonly bytes: Uint8Array
}

/** Gzips and the length they unpack to. The last two are bombs: they unpack to 32 and 80 megabytes. */
const gzipsOf = (random: SeededRandom): ReadonlyArray<Gzip> =>
  [0, 1, 100, 5_000, megabyte, 32 * megabyte, 80 * megabyte].map((length) => ({
    length,
    bytes: gzipSync(length <= 5_000 ? random.bytes(length) : new Uint8Array(length))
  }))

const pickGzip = (random: SeededRandom, gzips: ReadonlyArray<Gzip>): Gzip => {
  const isBomb = random.chance(0.01)
  return random.pick(isBomb ? gzips.slice(4) : gzips.slice(0, 4)) ?? { length: 0, bytes: new Uint8Array(0) }
}

/** The gzip as it is, with a second member, with a tail, cut, or changed. */
const hostileGzip = (random: SeededRandom, gzip: Gzip): Uint8Array => {
  switch (random.weighted({ whole: 4, twice: 1, tail: 1, cut: 1, change: 3 })) {
    case "whole":
      return gzip.bytes
    case "twice":
      return Buffer.concat([gzip.bytes, gzip.bytes])
    case "tail":
      return Buffer.concat([gzip.bytes, random.bytes(random.between(1, 40))])
    case "cut":
      return gzip.bytes.subarray(0, random.below(gzip.bytes.length))
    case "change":
      return mutateBytes(random, gzip.bytes, random.between(1, 3))
  }
}

/** Parts of one item as a member might write them: mostly right, each detail wrong now and then. */
const lyingParts = (
  random: SeededRandom,
  world: CryptoWorld,
  gzips: ReadonlyArray<Gzip>
): ReadonlyArray<Uint8Array> => {
  const run = runCryptoWith(random.fork("primitives"))
  const parts = random.chance(0.6) ? 1 : random.between(2, 5)
  const gzip = pickGzip(random, gzips)
  const isPacked = random.chance(0.7)
  const whole = isPacked ? hostileGzip(random, gzip) : random.bytes(random.below(2_000))
  const length = isPacked ? gzip.length : whole.length
  const itemBytes = random.chance(0.7) ? Math.min(length, 64 * megabyte) : random.below(0x7fff_ffff)
  const seen = cursorOf(random)
  const cut = Math.ceil(whole.length / parts)
  const entries = Array.from({ length: parts }, (_, part) => {
    const odd = (usual: number, limit: number) => (random.chance(0.03) ? random.below(limit) : usual)
    const header: EnvelopeHeader = {
      version: odd(1, 3) || 1,
      suite: odd(1, 3),
      kind: odd(entryKinds.update, 4),
      keyId: world.keyId,
      doc: world.doc,
      device: world.editor.device,
      deviceSeq: DeviceSeq.make(odd(7 + part, 50) || 1),
      roster: RosterNumber.make(odd(world.roster.number, 9)),
      part: odd(part, parts),
      parts,
      nonce: random.bytes(12)
    }
    const lyingSeen: Cursor = random.chance(0.03) ? cursorOf(random) : seen
    const plaintext = encodeSealedBody({
      codec: odd(codecs.loro, 4),
      compression: odd(isPacked ? compressions.gzip : compressions.none, 4),
      itemBytes: odd(itemBytes, 100_000),
      seen: lyingSeen,
      body: whole.subarray(part * cut, (part + 1) * cut)
    })
    const hostile = random.chance(0.3) ? mutateBytes(random, plaintext, random.between(1, 2)) : plaintext
    return run(sealPlaintext(world, world.editor, header, hostile))
  })
  if (random.chance(0.1)) return entries.toReversed()
  return random.chance(0.1) ? [...entries, ...entries.slice(0, 1)] : entries
}

/** Honest entries, small and in two parts. */
const honestEntries = (random: SeededRandom, world: CryptoWorld): ReadonlyArray<Uint8Array> =>
  samplesOf(random, 24, (one) =>
    runCryptoWith(one.fork("primitives"))(
      sealItem({
        ...{ workspace: world.workspace, device: world.editor.device, secret: world.editor.secret },
        ...{ keyring: world.keyring, doc: world.doc, kind: entryKinds.update, codec: codecs.loro },
        item: one.chance(0.5) ? one.bytes(one.below(400)) : new Uint8Array(one.below(9_000)),
        firstDeviceSeq: DeviceSeq.make(1 + one.below(9)),
        roster: world.roster.number,
        seen: cursorOf(one)
      })
    )
  ).flat()

export const sealedEntry: FuzzTarget = {
  name: "sealed entry",
  weight: 35,
  inputsPerProcess: 20_000,
  limits: { cpuMillisMax: 4_000, memoryBytesMax: 320 * megabyte },
  prepare: async (random) => {
    const world = cryptoWorld(random)
    const gzips = gzipsOf(random)
    const honest = honestEntries(random, world)
    const runtime = ManagedRuntime.make(Primitives.layerWebCrypto)
    const { keyring, roster, workspace } = world
    const open = (bytes: Uint8Array) => openEntry({ workspace, roster, keyring, bytes })

    /** What was opened, sealed again by an honest device, opens to the same. */
    const assertSurvives = Effect.fnUntraced(function* (first: OpenedPart, item: Uint8Array) {
      const { device, secret } = world.editor
      const header = { kind: entryKinds.update, codec: codecs.loro, doc: first.header.doc }
      const again = yield* sealItem({
        ...{ workspace, device, secret, keyring, ...header, item, seen: first.body.seen, roster: roster.number },
        firstDeviceSeq: DeviceSeq.make(1)
      })
      const opened = yield* joinParts(yield* Effect.forEach(again, open))
      if (!isSame(opened.item, item)) throw new PromiseBroken("sealed entry: an item changes when it is sealed again")
    })

    const openAll = Effect.fnUntraced(function* (entries: ReadonlyArray<Uint8Array>) {
      const results = yield* Effect.forEach(entries, (bytes) => Effect.result(open(bytes)))
      const parts = results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
      const joined = yield* Effect.result(joinParts(parts))
      const first = parts[0]
      if (Result.isFailure(joined) || first === undefined) return "refused" as const
      if (joined.success.item.length < 10_000) yield* assertSurvives(first, joined.success.item)
      return "accepted" as const
    })

    return {
      input: (one) => {
        const kind = one.weighted({ changed: 3, signedAgain: 3, lying: 4 })
        if (kind === "lying") return encodePush(lyingParts(one, world, gzips))
        const [left, right] = [one.pick(honest) ?? new Uint8Array(0), one.pick(honest) ?? new Uint8Array(0)]
        const mutated = one.chance(0.2) ? spliceBytes(one, left, right) : mutateBytes(one, left, one.between(0, 3))
        if (kind === "changed") return encodePush([mutated])
        return encodePush([runCryptoWith(one)(signEntry(world, world.editor, mutated.subarray(0, -64)))])
      },
      run: (input) => {
        const entries = decodePush(input)
        return Result.isFailure(entries) ? "refused" : runtime.runPromise(openAll(entries.success))
      },
      close: () => runtime.dispose()
    }
  }
}
