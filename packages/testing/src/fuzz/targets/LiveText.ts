/** Fuzzes the text messages of the live socket, of both directions. */
import { type Result } from "effect"
import {
  ClientMessage,
  decodeClientMessage,
  decodeServerMessage,
  encodeClientMessage,
  encodeServerMessage,
  ServerMessage
} from "@tidemark/protocol"
import type { FuzzTarget } from "../FuzzTarget.ts"
import { hostileJson } from "../MutateJson.ts"
import { layoutTarget } from "../internal/layoutTarget.ts"
import { valuesOf } from "../internal/samples.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const messageTarget = <A>(
  name: string,
  decode: (text: string) => Result.Result<A, unknown>,
  encode: (message: A) => string,
  values: (random: SeededRandom) => Promise<ReadonlyArray<A>>
): FuzzTarget =>
  layoutTarget({
    name,
    weight: 80,
    decode: (bytes) => decode(decoder.decode(bytes)),
    encode: (message) => encoder.encode(encode(message)),
    samples: async (random) => (await values(random)).map((value) => encoder.encode(encode(value))),
    hostile: (random, samples) => {
      const sample = random.pick(samples)
      return hostileJson(random, [decoder.decode(sample), decoder.decode(random.pick(samples))])
    }
  })

/** What a server hears. */
export const clientMessage = messageTarget("client message", decodeClientMessage, encodeClientMessage, (random) =>
  valuesOf(ClientMessage, random, 60)
)

/** What a device hears; the server may be a liar. */
export const serverMessage = messageTarget("server message", decodeServerMessage, encodeServerMessage, (random) =>
  valuesOf(ServerMessage, random, 120)
)
