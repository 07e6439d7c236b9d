/** Every binary layout, read back and broken. Rules: docs/spec/protocol.md. */
import { assert, describe, it } from "@effect/vitest"
import { Base64Url } from "effect/encoding"
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import {
  answerBytesMax,
  batchBytesMax,
  batchCountMax,
  checkpointPartCountMax,
  bytesToId,
  decodeEnvelope,
  decodeDocPage,
  decodeHeader,
  decodeLivePush,
  decodePage,
  decodePush,
  decodeRosterPage,
  decodeSealedBody,
  decodeStatement,
  DeviceSeq,
  DocId,
  type DocPage,
  encodeDocPage,
  encodeHeader,
  encodeLivePush,
  encodePage,
  encodePush,
  encodeRosterPage,
  encodeSealedBody,
  encodeStatementBody,
  entryBytesMax,
  entryBytesMin,
  headerBytes,
  idToBytes,
  livePingMillis,
  livePongMillisMax,
  paddingBytes,
  type Page,
  pageBytesDefault,
  type PageItem,
  pageItemBytes,
  partCountMax,
  RosterNumber,
  Seq,
  signatureBytes,
  tokenMillis,
  updateBytesMax
} from "@tidemark/protocol"
import { bytesFrom, cursor, header, docPage, page, statements } from "./samples.ts"

const isOk = <A, E>(result: Result.Result<A, E>): boolean => Result.isSuccess(result)
const valueOf = <A, E>(result: Result.Result<A, E>): A => Result.getOrThrow(result)
const join = (...chunks: ReadonlyArray<Uint8Array>) => Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
const entryOf = (size: number) => join(encodeHeader(header), new Uint8Array(size - headerBytes))
/** Every proper prefix of `bytes`. */
const prefixes = (bytes: Uint8Array) => Array.from({ length: bytes.length }, (_, size) => bytes.subarray(0, size))

describe("ids and limits", () => {
  it("ID-1 texts and bytes of ids are one to one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepStrictEqual(idToBytes(DocId.make(bytesToId(bytes))), bytes)
      })
    )
    const isDocId = Schema.is(DocId)
    assert.isTrue(isDocId("A".repeat(22)))
    for (const text of [
      "A".repeat(21),
      "A".repeat(23),
      `${"A".repeat(21)}B`,
      `${"A".repeat(21)}=`,
      `+${"A".repeat(21)}`
    ]) {
      assert.isFalse(isDocId(text), text)
    }
  })

  it("LIMIT-1 limits fit into each other", () => {
    const pushed = (entries: ReadonlyArray<Uint8Array>) => Result.isSuccess(decodePush(encodePush(entries)))
    assert.isTrue(pushed([new Uint8Array(entryBytesMax)]))
    assert.isFalse(pushed(Array.from({ length: batchCountMax + 1 }, () => new Uint8Array(1))))
    assert.isBelow(
      pageItemBytes({ _tag: "Entry", seq: Seq.make(1), bytes: new Uint8Array(entryBytesMax) }),
      batchBytesMax
    )
    const parts = Array.from({ length: checkpointPartCountMax }, () => new Uint8Array(entryBytesMax))
    assert.isBelow(pageItemBytes({ _tag: "Checkpoint", seq: Seq.make(1), chain: cursor.chain, parts }), batchBytesMax)
    assert.isAtLeast(partCountMax * entryBytesMax, updateBytesMax)
    assert.isAtMost(pageBytesDefault, batchBytesMax)
    assert.isAtLeast(answerBytesMax, batchBytesMax)
    assert.isBelow(2 * (livePingMillis + livePongMillisMax), tokenMillis)
  })
})

describe("envelope", () => {
  it("ENV-1 the header is read back", () => {
    assert.deepStrictEqual(valueOf(decodeHeader(entryOf(entryBytesMin))), header)
    const pieces = valueOf(decodeEnvelope(entryOf(entryBytesMin + 9)))
    assert.strictEqual(pieces.ciphertext.length, 16 + 9)
    assert.strictEqual(pieces.signed.length + signatureBytes, entryBytesMin + 9)
  })

  it("ENV-1 sizes, counters and parts out of range are malformed", () => {
    assert.isTrue(isOk(decodeHeader(entryOf(entryBytesMax))))
    assert.isFalse(isOk(decodeHeader(entryOf(entryBytesMax + 1))))
    assert.isFalse(isOk(decodeHeader(entryOf(entryBytesMin).subarray(0, entryBytesMin - 1))))
    const broken = (offset: number, ...bytes: ReadonlyArray<number>) => {
      const entry = entryOf(entryBytesMin)
      entry.set(bytes, offset)
      return isOk(decodeHeader(entry))
    }
    assert.isFalse(broken(44, 0, 0, 0, 0, 0, 0, 0, 0))
    assert.isTrue(broken(44, 0, 31, 255, 255, 255, 255, 255, 255))
    assert.isFalse(broken(44, 0, 32, 0, 0, 0, 0, 0, 0))
    assert.isFalse(broken(56, 0, 2, 0, 2))
    assert.isTrue(broken(56, 0, 1, 0, partCountMax))
    assert.isFalse(broken(56, 0, 1, 0, partCountMax + 1))
    assert.isFalse(broken(56, 0, 0, 0, 0))
  })

  it("ENV-2 every version, suite and kind is readable but version 0", () => {
    for (const value of [1, 2, 255]) {
      const later = { ...header, version: value, suite: value, kind: value }
      const entry = join(encodeHeader(later), new Uint8Array(entryBytesMin - headerBytes))
      assert.deepStrictEqual(valueOf(decodeHeader(entry)), later)
    }
    const zero = join(encodeHeader({ ...header, version: 0 }), new Uint8Array(entryBytesMin - headerBytes))
    assert.isFalse(isOk(decodeHeader(zero)))
  })

  it("ENV-3 the sealed body is read back, padded, whatever its codec", () => {
    for (const size of [0, 1, 61, 62, 63, 1_000]) {
      const body = { codec: 9, compression: 8, itemBytes: size, seen: cursor, body: bytesFrom(1, size) }
      const bytes = encodeSealedBody(body)
      assert.strictEqual(bytes.length % paddingBytes, 0)
      assert.deepStrictEqual(valueOf(decodeSealedBody(bytes)), body)
      assert.isFalse(isOk(decodeSealedBody(bytes.subarray(0, 66 + size - 1))))
    }
    const at = (itemBytes: number) =>
      isOk(
        decodeSealedBody(
          encodeSealedBody({ codec: 1, compression: 0, itemBytes, seen: cursor, body: new Uint8Array(0) })
        )
      )
    assert.isTrue(at(updateBytesMax))
    assert.isFalse(at(updateBytesMax + 1))
  })
})

describe("frames", () => {
  const push = [bytesFrom(0, 3), bytesFrom(9, 0), bytesFrom(7, 200)]

  it("FRAME-1 a push is read back, and nothing cut, longer or foreign is one", () => {
    const bytes = encodePush(push)
    assert.deepStrictEqual(valueOf(decodePush(bytes)), push)
    assert.deepStrictEqual(valueOf(decodePush(encodePush([]))), [])
    for (const cut of prefixes(bytes)) assert.isFalse(isOk(decodePush(cut)))
    assert.isFalse(isOk(decodePush(join(bytes, Uint8Array.of(0)))))
    assert.isFalse(isOk(decodePush(encodePage(page))))
    assert.isFalse(isOk(decodePush(join(Uint8Array.of(1, 2), bytes.subarray(2)))))
    const many = (count: number) => isOk(decodePush(encodePush(Array.from({ length: count }, () => new Uint8Array(0)))))
    assert.isTrue(many(batchCountMax))
    assert.isFalse(many(batchCountMax + 1))
    const lying = join(Uint8Array.of(1, 1, 0, 1, 255, 255, 255, 255))
    assert.isFalse(isOk(decodePush(lying)))
  })

  it("FRAME-2 a page is read back only if it has no hole", () => {
    assert.deepStrictEqual(valueOf(decodePage(encodePage(page))), page)
    for (const cut of prefixes(encodePage(page))) assert.isFalse(isOk(decodePage(cut)))
    const withItems = (items: Page["items"], rest: Partial<Page> = {}) =>
      isOk(decodePage(encodePage({ ...page, items, ...rest })))
    assert.isFalse(withItems(page.items.toReversed()))
    assert.isFalse(withItems(page.items.slice(0, 1)))
    assert.isFalse(withItems(page.items, { head: Seq.make(6) }))
    assert.isFalse(withItems(page.items, { head: Seq.make(8) }))
    assert.isFalse(withItems(page.items.toSpliced(1, 1)))
    assert.isTrue(withItems(page.items, { head: Seq.make(9) }))
    assert.isTrue(withItems(page.items, { head: Seq.make(10) }))
  })

  it("FRAME-6 a doc page is read back only if its Seqs ascend between its two ends", () => {
    assert.deepStrictEqual(valueOf(decodeDocPage(encodeDocPage(docPage))), docPage)
    for (const cut of prefixes(encodeDocPage(docPage))) assert.isFalse(isOk(decodeDocPage(cut)))
    const withParts = (rest: Partial<DocPage>) => isOk(decodeDocPage(encodeDocPage({ ...docPage, ...rest })))
    assert.isFalse(withParts({ items: docPage.items.toReversed() }))
    assert.isFalse(withParts({ after: Seq.make(6) }))
    assert.isFalse(withParts({ through: Seq.make(7) }))
    assert.isFalse(withParts({ head: Seq.make(7) }))
    assert.isTrue(withParts({ head: Seq.make(8) }))
    assert.isTrue(withParts({ items: [], through: Seq.make(5) }))
    assert.isFalse(withParts({ items: [], through: Seq.make(4) }))
  })

  it("FRAME-3 an item is an entry, a run of entries that are not given, or a checkpoint in the place of others", () => {
    const bytes = encodePage({ ...page, items: page.items.slice(1), after: Seq.make(6) })
    assert.deepStrictEqual(valueOf(decodePage(bytes)).items, page.items.slice(1))
    const unknownForm = Uint8Array.from(bytes)
    unknownForm[76] = 4
    assert.isFalse(isOk(decodePage(unknownForm)))
    const ofDoc = (items: ReadonlyArray<PageItem>) =>
      isOk(decodeDocPage(encodeDocPage({ ...docPage, items: items as DocPage["items"], through: Seq.make(9) })))
    assert.isTrue(ofDoc(page.items.slice(2)))
    assert.isFalse(ofDoc(page.items.slice(1)), "a page of a doc has no gaps to give")
    const withItem = (item: PageItem) =>
      isOk(decodePage(encodePage({ ...page, after: Seq.make(8), items: [item], head: Seq.make(9) })))
    const standIn = (count: number): PageItem => {
      const parts = Array.from({ length: count }, () => bytesFrom(0, 3))
      return { _tag: "Checkpoint", seq: Seq.make(9), chain: cursor.chain, parts }
    }
    assert.isTrue(withItem(standIn(checkpointPartCountMax)))
    assert.isFalse(withItem(standIn(checkpointPartCountMax + 1)))
    assert.isFalse(withItem(standIn(0)))
    assert.isTrue(withItem({ _tag: "Gap", seq: Seq.make(9), count: 1, chain: cursor.chain }))
    assert.isFalse(withItem({ _tag: "Gap", seq: Seq.make(9), count: 0, chain: cursor.chain }))
    assert.isFalse(withItem({ _tag: "Gap", seq: Seq.make(9), count: 2, chain: cursor.chain }))
  })

  it("FRAME-7 a live push is read back, and nothing cut or foreign is one", () => {
    const bytes = encodeLivePush({ request: 2 ** 32 - 1, entries: push })
    assert.deepStrictEqual(valueOf(decodeLivePush(bytes)), { request: 2 ** 32 - 1, entries: push })
    for (let length = 0; length < bytes.length; length++) {
      assert.isTrue(Result.isFailure(decodeLivePush(bytes.subarray(0, length))), `${length} bytes`)
    }
    assert.isTrue(Result.isFailure(decodeLivePush(encodePush(push))))
    assert.isTrue(Result.isFailure(decodeLivePush(bytes.with(1, 2))))
  })

  it("FRAME-4 a roster page is read back, and cut it is malformed", () => {
    const bytes = encodeRosterPage({ after: RosterNumber.make(4), statements: push })
    assert.deepStrictEqual(valueOf(decodeRosterPage(bytes)), { after: RosterNumber.make(4), statements: push })
    for (const cut of prefixes(bytes)) assert.isFalse(isOk(decodeRosterPage(cut)))
  })

  it("FRAME-5 no bytes make a decoder throw", () => {
    const seeds = [
      encodePush(push),
      encodeLivePush({ request: 1, entries: push }),
      encodePage(page),
      encodeRosterPage({ after: RosterNumber.make(4), statements: push }),
      entryOf(entryBytesMin)
    ]
    const decoders = [
      decodePush,
      decodeLivePush,
      decodePage,
      decodeRosterPage,
      decodeHeader,
      decodeEnvelope,
      decodeSealedBody,
      decodeStatement
    ]
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
      .map(([seed, edits]) => {
        const bytes = Uint8Array.from(seed)
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        for (const decode of decoders) assert.isTrue(Result.isResult(decode(bytes)))
      }),
      { numRuns: 2_000 }
    )
  })
})

describe("statements", () => {
  const signature = bytesFrom(3, signatureBytes)
  const jsonOf = (json: string) => join(Uint8Array.of(1), new TextEncoder().encode(json), signature)

  it("STATEMENT-1 every kind is read back with the bytes that were signed", () => {
    for (const body of statements) {
      const signed = encodeStatementBody(body)
      const pieces = valueOf(decodeStatement(join(signed, signature)))
      assert.deepStrictEqual(pieces.body, body)
      assert.deepStrictEqual(pieces.signed, signed)
      assert.deepStrictEqual(pieces.signature, signature)
    }
    const later = valueOf(decodeStatement(jsonOf('{"kind":"rotate","number":4,"x":1}')))
    assert.deepStrictEqual(later.body, { kind: "unknown", name: "rotate", number: RosterNumber.make(4) })
    assert.isFalse(isOk(decodeStatement(jsonOf('{"kind":"revoke","number":4}'))))
    assert.isFalse(isOk(decodeStatement(jsonOf("[]"))))
    assert.isFalse(isOk(decodeStatement(jsonOf("{"))))
    assert.isFalse(isOk(decodeStatement(join(Uint8Array.of(2), jsonOf("{}").subarray(1)))))
  })

  it("STATEMENT-2 unknown fields are passed over and kept in the bytes", () => {
    const found = statements[0] ?? assert.fail("no samples")
    const signed = encodeStatementBody(found)
    const json = new TextDecoder().decode(signed.subarray(1)).replace('{"kind"', '{"later":true,"kind"')
    const pieces = valueOf(decodeStatement(jsonOf(json)))
    assert.deepStrictEqual(pieces.body, found)
    assert.include(new TextDecoder().decode(pieces.signed), "later")
  })

  it("ID-1 a DeviceSeq begins at 1", () => {
    assert.isFalse(Schema.is(DeviceSeq)(0))
    assert.isTrue(Schema.is(DeviceSeq)(1))
    assert.isTrue(Result.isFailure(Base64Url.decode("*")))
  })
})
