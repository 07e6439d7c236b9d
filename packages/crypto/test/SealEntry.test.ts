import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import {
  deviceIdOf,
  docIdOf,
  hashOf,
  joinParts,
  type OpenedPart,
  openEntry,
  partBytesMax,
  Primitives,
  publicKeysOf,
  sealItem,
  workspaceIdOf
} from "@tidemark/crypto"
import {
  codecs,
  compressBytesMin,
  compressions,
  decodeHeader,
  DeviceSeq,
  entryBytesMax,
  entryBytesMin,
  entryKinds,
  KeyId,
  paddingBytes,
  partCountMax,
  RosterNumber,
  updateBytesMax
} from "@tidemark/protocol"
import { noise, openOutcome, seen, toHex, withEditor } from "./fixture.ts"

const run = Effect.provide(Primitives.layerWebCrypto)
const first = (entries: ReadonlyArray<Uint8Array>): Uint8Array => entries[0] ?? new Uint8Array(0)

/** A workspace, and the way of an item there and back. */
const prepared = Effect.gen(function* () {
  const { seal, open, ...rest } = yield* withEditor()
  const openAll = (entries: ReadonlyArray<Uint8Array>) => Effect.forEach(entries, (bytes) => open(bytes))
  const travel = (item: Uint8Array) => Effect.flatMap(Effect.flatMap(seal(item), openAll), joinParts)
  return { ...rest, seal, open, openAll, travel }
})

/** Made with seeds, keys, nonce and item of the test below by another implementation (OpenSSL). */
const pinnedEntry = [
  "010101000303030303030303e6cf80e963e6e3ac3ee362c0f94078ee43f72613a85e020be39a424b81337ff400000000",
  "0000000100000003000000010909090909090909090909090000000012fb9eea805c5d00f604f8cd21cdd576dad15176",
  "897b2f170a1dca997bfc671c9ee20bb78c46fdd374447e0e50135577b8db2f815b1d54bf6b721e5975880edaa745fdd0",
  "6d359fd10dc4d74e3b74af0bf47afd26be93f81faab9fd7bf36708c2aaf2a8506dd69135bdc692b9729b449c5e2a40a5",
  "fa8722f5efe42816b47dfb15f5beef2ca2f95c7744ce1c845ad760d8b86e74f131845578d11dac0920b81bd9d4937748",
  "3878be7da462b955ea82a20c"
].join("")

describe("sealing", () => {
  it.effect("SEAL-1 an entry is made of header, ciphertext and signature as pinned here", () =>
    Effect.gen(function* () {
      const primitives = yield* Primitives
      const fixed = Primitives.of({
        ...primitives,
        randomBytes: (size) => Effect.succeed(new Uint8Array(size).fill(9))
      })
      const secret = { signingSeed: new Uint8Array(32).fill(1), agreementSeed: new Uint8Array(32).fill(2) }
      const keys = yield* publicKeysOf(secret)
      const current = KeyId.make("AwMDAwMDAwM")
      const idKey = new Uint8Array(32).fill(4)

      const entries = yield* sealItem({
        workspace: workspaceIdOf(keys.signing),
        device: deviceIdOf(keys.signing),
        secret,
        keyring: { idKey, current, keys: new Map([[current, new Uint8Array(32).fill(5)]]) },
        doc: docIdOf(idKey, "catalog"),
        kind: entryKinds.update,
        codec: codecs.loro,
        item: new TextEncoder().encode("tidemark"),
        firstDeviceSeq: DeviceSeq.make(1),
        roster: RosterNumber.make(3),
        seen
      }).pipe(Effect.provideService(Primitives, fixed))
      assert.strictEqual(toHex(first(entries)), pinnedEntry)
      assert.strictEqual(hashOf(first(entries)), "iW73MHGU5zojqJrLuQhLsfjfunmXDtnek985BEnN0tE")
    }).pipe(run)
  )

  it.effect("SEAL-2 an item is gzipped from compressBytesMin on, and only if that makes it smaller", () =>
    Effect.gen(function* () {
      const { seal, openAll } = yield* prepared
      const compressionOf = (item: Uint8Array) =>
        Effect.map(Effect.flatMap(seal(item), openAll), ([part]) => part?.body.compression)
      assert.strictEqual(yield* compressionOf(new Uint8Array(compressBytesMin - 1)), compressions.none)
      assert.strictEqual(yield* compressionOf(new Uint8Array(compressBytesMin)), compressions.gzip)
      assert.strictEqual(yield* compressionOf(noise(compressBytesMin)), compressions.none)
    }).pipe(run)
  )

  it.effect("SEAL-3 parts take consecutive DeviceSeqs, and no entry is larger than entryBytesMax", () =>
    Effect.gen(function* () {
      const { seal } = yield* prepared
      const item = noise(2 * partBytesMax + 1)
      const one = yield* seal(item.subarray(0, partBytesMax))
      assert.strictEqual(one.length, 1)
      assert.isAtMost(first(one).length, entryBytesMax)
      assert.isAbove(first(one).length + paddingBytes, entryBytesMax)
      const two = yield* seal(item.subarray(0, partBytesMax + 1))
      assert.strictEqual(two.length, 2)
      const three = yield* seal(item, { firstDeviceSeq: DeviceSeq.make(7) })
      const headers = yield* Effect.forEach(three, (bytes) => Effect.fromResult(decodeHeader(bytes)))
      assert.deepStrictEqual(
        headers.map(({ part, parts, deviceSeq }) => [part, parts, deviceSeq]),
        [
          [0, 3, 7],
          [1, 3, 8],
          [2, 3, 9]
        ]
      )
      assert.strictEqual(new Set(headers.map(({ nonce }) => toHex(nonce))).size, 3)
    }).pipe(run)
  )

  it.effect("SEAL-4 an item above updateBytesMax, or of more parts than partCountMax, is not sealed", () =>
    Effect.gen(function* () {
      const { seal } = yield* prepared
      const tooLong = yield* Effect.flip(seal(new Uint8Array(updateBytesMax + 1)))
      assert.deepStrictEqual([tooLong._tag, tooLong.bytesMax], ["ItemTooLarge", updateBytesMax])
      const primitives = yield* Primitives
      // What gzip cannot shrink, without the seconds it takes to find that out on 64 MiB.
      const useless = Primitives.of({ ...primitives, gzip: (bytes) => Effect.succeed(bytes) })
      const item = new Uint8Array(partCountMax * partBytesMax + 1)
      assert.isAtMost(item.length, updateBytesMax)
      const tooMany = yield* Effect.flip(Effect.provideService(seal(item), Primitives, useless))
      assert.deepStrictEqual([tooMany._tag, tooMany.bytes], ["ItemTooLarge", item.length])
    }).pipe(run)
  )

  it.effect("SEAL-5 sizes are padded, and sealing twice gives different bytes", () =>
    Effect.gen(function* () {
      const { seal } = yield* prepared
      const sizes = new Set<number>()
      for (const size of [0, 1, 15, 30]) {
        const entry = first(yield* seal(new Uint8Array(size)))
        assert.strictEqual((entry.length - entryBytesMin) % paddingBytes, 0)
        sizes.add(entry.length)
      }
      assert.strictEqual(sizes.size, 1)
      const item = Uint8Array.of(1)
      assert.notDeepEqual(yield* seal(item), yield* seal(item))
    }).pipe(run)
  )
})

describe("joining parts", () => {
  it.effect("PART-1 an item comes back as it was, around every limit", () =>
    Effect.gen(function* () {
      const { travel } = yield* prepared
      const limits = [compressBytesMin, partBytesMax, 2 * partBytesMax, entryBytesMax]
      for (const size of [0, 1, ...limits.flatMap((limit) => [limit - 1, limit, limit + 1])]) {
        const item = noise(size, size + 1)
        const { item: back, codec, seen: seenBack } = yield* travel(item)
        assert.isTrue(hashOf(back) === hashOf(item) && back.length === size, `size ${size}`)
        assert.strictEqual(codec, codecs.loro)
        assert.deepStrictEqual(seenBack, seen)
      }
      const zeros = new Uint8Array(5_000_000)
      assert.strictEqual(hashOf((yield* travel(zeros)).item), hashOf(zeros))
    }).pipe(run)
  )

  // One workspace for all runs.
  const shared = Effect.runPromise(Effect.provide(prepared, Primitives.layerWebCrypto))
  it.effect.prop("PART-1 any bytes come back as they were", { item: Schema.Uint8Array }, ({ item }) =>
    Effect.gen(function* () {
      const { travel } = yield* Effect.promise(() => shared)
      assert.deepStrictEqual((yield* travel(item)).item, item)
    }).pipe(run)
  )

  it.effect("PART-2 missing, repeated, reordered or mixed parts make no item", () =>
    Effect.gen(function* () {
      const { seal, openAll, doc, owner } = yield* prepared
      const item = noise(2 * partBytesMax + 1)
      const otherDoc = docIdOf(owner.keyring.idKey, "other")
      const a = yield* Effect.flatMap(seal(item), openAll)
      const b = yield* Effect.flatMap(seal(noise(item.length, 5)), openAll)
      const later = yield* Effect.flatMap(seal(item, { firstDeviceSeq: DeviceSeq.make(4) }), openAll)
      const elsewhere = yield* Effect.flatMap(seal(item, { doc: otherDoc }), openAll)
      const longer = yield* Effect.flatMap(seal(noise(item.length + 1)), openAll)
      const pick = (...parts: ReadonlyArray<OpenedPart | undefined>) =>
        Effect.map(Effect.result(joinParts(parts.filter((part) => part !== undefined))), openOutcome)
      assert.notStrictEqual(otherDoc, doc)
      assert.strictEqual(yield* pick(a[0], a[1], a[2]), "opened")
      assert.strictEqual(yield* pick(), "malformed")
      assert.strictEqual(yield* pick(a[0], a[1]), "malformed")
      assert.strictEqual(yield* pick(a[1], a[2]), "malformed")
      assert.strictEqual(yield* pick(a[0], a[2], a[1]), "malformed")
      assert.strictEqual(yield* pick(a[0], a[0], a[2]), "malformed")
      assert.strictEqual(yield* pick(a[0], a[1], a[2], a[2]), "malformed")
      assert.strictEqual(yield* pick(a[0], later[1], a[2]), "malformed")
      assert.strictEqual(yield* pick(a[0], elsewhere[1], a[2]), "malformed")
      assert.strictEqual(yield* pick(a[0], longer[1], a[2]), "malformed")
      // Two items of one device under the same DeviceSeqs: the device itself broke its promise, and both are its own.
      assert.strictEqual(yield* pick(a[0], b[1], a[2]), "opened")
    }).pipe(run)
  )

  it.effect("PART-3 unpacking stops at the length the author gave, and a false length makes no item", () =>
    Effect.gen(function* () {
      const { seal, openAll } = yield* prepared
      const item = new Uint8Array(4_000_000)
      const [part] = yield* Effect.flatMap(seal(item), openAll)
      const [plain] = yield* Effect.flatMap(seal(Uint8Array.of(1, 2, 3)), openAll)
      if (part === undefined || plain === undefined) return assert.fail("an item has at least one part")
      const primitives = yield* Primitives
      const asked: Array<number> = []
      const watching = Primitives.of({
        ...primitives,
        gunzip: (bytes, bytesMax) => {
          asked.push(bytesMax)
          return primitives.gunzip(bytes, bytesMax)
        }
      })
      const withLength = (from: OpenedPart, itemBytes: number, body = from.body.body) =>
        joinParts([{ ...from, body: { ...from.body, itemBytes, body } }]).pipe(
          Effect.provideService(Primitives, watching),
          Effect.result,
          Effect.map(openOutcome)
        )
      assert.strictEqual(yield* withLength(part, item.length), "opened")
      assert.strictEqual(yield* withLength(part, item.length - 1), "malformed")
      assert.strictEqual(yield* withLength(part, item.length + 1), "malformed")
      assert.strictEqual(yield* withLength(part, item.length, part.body.body.subarray(1)), "malformed")
      assert.strictEqual(yield* withLength(part, item.length, part.body.body.subarray(0, -1)), "malformed")
      assert.deepStrictEqual(asked.slice(0, 3), [item.length, item.length - 1, item.length + 1])
      assert.strictEqual(yield* withLength(plain, 3), "opened")
      assert.strictEqual(yield* withLength(plain, 2), "malformed")
      assert.strictEqual(yield* withLength(plain, 4), "malformed")
    }).pipe(run)
  )

  it.effect("PART-3 a part of another workspace's item does not open in the first place", () =>
    Effect.gen(function* () {
      const one = yield* prepared
      const other = yield* prepared
      const entry = first(yield* one.seal(Uint8Array.of(1)))
      const roster = other.state
      const attempt = openEntry({ workspace: other.workspace, roster, keyring: other.owner.keyring, bytes: entry })
      assert.strictEqual(openOutcome(yield* Effect.result(attempt)), "unknownDevice")
    }).pipe(run)
  )
})
