/**
 * Fuzzes what a device reads back about itself: identity, keyring and statements in the store's meta values, after a disk,
 * another program or an older version has had them. An input is a JSON object of meta keys and values.
 */
import { Effect, Layer, Result, Schema } from "effect"
import { DeviceSecret, sealItem, StoredKeyring } from "@tidemark/crypto"
import { codecs, DeviceSeq, entryKinds } from "@tidemark/protocol"
import { Membership } from "@tidemark/replica"
import { LocalStoreMemory, MemoryDisk } from "@tidemark/sync"
import * as SeededPrimitives from "../../SeededPrimitives.ts"
import { SeededRandom } from "../../SeededRandom.ts"
import { type FuzzTarget, plainLimits } from "../FuzzTarget.ts"
import { mutateBytes } from "../MutateBytes.ts"
import { mutateJson } from "../MutateJson.ts"
import { type CryptoWorld, cryptoWorld } from "../internal/cryptoWorld.ts"
import { cursorOf } from "../internal/samples.ts"

type Meta = Readonly<Record<string, string>>

const MetaJson = Schema.fromJsonString(Schema.Record(Schema.String, Schema.String))
const encodeSecret = Schema.encodeSync(Schema.toCodecJson(DeviceSecret))
const encodeKeyring = Schema.encodeSync(Schema.toCodecJson(StoredKeyring))

/** The values an honest device has, under the keys it has them. */
const honestMeta = ({ keyring, owner, statements, workspace }: CryptoWorld): Meta => ({
  "replica/identity": JSON.stringify({
    ...{ workspace, device: owner.device, secret: encodeSecret(owner.secret) },
    ...{ origin: "https://notes.example", name: "ours" }
  }),
  "replica/keyring": JSON.stringify(encodeKeyring(keyring)),
  ...Object.fromEntries(
    statements.map(({ bytes }, index) => [
      `replica/statement/${String(index + 1).padStart(10, "0")}`,
      JSON.stringify(Buffer.from(bytes).toString("base64url"))
    ])
  )
})

const hostileMeta = (random: SeededRandom, meta: Meta): Meta => {
  const key = random.pick(Object.keys(meta)) ?? ""
  const { [key]: value = "", ...rest } = meta
  switch (random.weighted({ json: 7, bytes: 2, gone: 0.5, swapped: 0.5 })) {
    case "json":
      return { ...meta, [key]: mutateJson(random, value) }
    case "bytes":
      return { ...meta, [key]: Buffer.from(mutateBytes(random, Buffer.from(value), 1)).toString("utf8") }
    case "gone":
      return rest
    case "swapped":
      return { ...meta, [key]: meta[random.pick(Object.keys(meta)) ?? ""] ?? "" }
  }
}

/** Opens what is stored as a device does when it starts, and seals something by it. */
const start = Effect.gen(function* () {
  const { identity, keyring, roster, statements } = yield* Membership
  yield* statements
  const state = yield* roster
  const { device, secret, workspace } = yield* identity
  const author = { workspace, device, secret, keyring }
  const item = { kind: entryKinds.update, codec: codecs.loro, item: new Uint8Array(3) }
  const place = { roster: state.number, seen: cursorOf(new SeededRandom("seen")), firstDeviceSeq: DeviceSeq.make(1) }
  yield* sealItem({ ...author, ...item, ...place, doc: cursorDoc })
})

const cursorDoc = cryptoWorld(new SeededRandom("any")).doc

export const storedMeta: FuzzTarget = {
  name: "stored meta",
  weight: 20,
  inputsPerProcess: 40_000,
  limits: plainLimits,
  prepare: (random) => {
    const honest = honestMeta(cryptoWorld(random))
    const primitives = SeededPrimitives.layer(random.fork("device"))
    return Promise.resolve({
      input: (one) => Buffer.from(JSON.stringify(one.chance(0.02) ? honest : hostileMeta(one, honest)), "utf8"),
      run: (input) => {
        const meta = Schema.decodeUnknownResult(MetaJson)(Buffer.from(input).toString("utf8"))
        if (Result.isFailure(meta)) return "refused"
        const disk = new MemoryDisk()
        for (const [key, value] of Object.entries(meta.success)) disk.meta.set(key, value)
        const layer = Membership.layer.pipe(Layer.provide(LocalStoreMemory.layer(disk)), Layer.provideMerge(primitives))
        const started = Effect.runSync(Effect.result(Effect.provide(start, layer)))
        return Result.isSuccess(started) ? "accepted" : "refused"
      }
    })
  }
}
