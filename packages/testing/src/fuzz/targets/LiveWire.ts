/**
 * Fuzzes the live socket as it comes over a connection to a whole server: what follows the upgrade, byte for byte.
 * Frames are cut, split, compressed, unmasked, with lengths that lie; their messages are changed ones of a real client.
 */
import { ClientMessage, encodeClientMessage, protocolRange } from "@tidemark/protocol"
import { type FuzzTarget, PromiseBroken, type Verdict } from "../FuzzTarget.ts"
import { mutateBytes } from "../MutateBytes.ts"
import { hostileJson } from "../MutateJson.ts"
import { valuesOf } from "../internal/samples.ts"
import { exchange, serverUnderFire } from "../internal/serverUnderFire.ts"
import type { SeededRandom } from "../../SeededRandom.ts"

const megabyte = 1_048_576
/** How long the server has for an answer to a whole message, in milliseconds. */
const patienceMillis = 60

const upgrade = Buffer.from(
  [
    "GET /v1/live HTTP/1.1",
    ...["host: 127.0.0.1", "connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"],
    ...["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-extensions: permessage-deflate", "", ""]
  ].join("\r\n")
)

const lengthBytes = (length: number): Buffer => {
  if (length < 126) return Buffer.from([0x80 | length])
  const bytes = Buffer.alloc(length < 65_536 ? 3 : 9)
  bytes[0] = 0x80 | (length < 65_536 ? 126 : 127)
  if (length < 65_536) bytes.writeUInt16BE(length, 1)
  else bytes.writeBigUInt64BE(BigInt(length), 1)
  return bytes
}

/** A masked frame. `first` is the byte of FIN, RSV and opcode. */
const frameOf = (random: SeededRandom, first: number, content: Uint8Array): Buffer => {
  const mask = random.bytes(4)
  const masked = content.map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Buffer.from([first]), lengthBytes(content.length), mask, masked])
}

/** Text, continuation, binary, close, ping, pong; unfinished, with RSV bits, reserved opcodes. */
const hostileFirsts = [0x81, 0x01, 0x80, 0x00, 0x82, 0x88, 0x89, 0x8a, 0xc1, 0xf1, 0x83, 0x8f, 0x09]

const isFrameAfterUpgrade = (received: Buffer): boolean => {
  const end = received.indexOf("\r\n\r\n")
  return end >= 0 && received.length > end + 4
}

const verdictOf = (received: Buffer): Verdict => {
  const text = received.toString("latin1")
  if (text.startsWith("HTTP/1.1 500")) throw new PromiseBroken("live: the server answered 500, which is a defect")
  return text.includes('"Welcome"') ? "accepted" : "refused"
}

export const liveWire: FuzzTarget = {
  name: "live socket",
  weight: 6,
  inputsPerProcess: 20_000,
  limits: { cpuMillisMax: 3_000, memoryBytesMax: 128 * megabyte },
  prepare: async (random) => {
    const server = await serverUnderFire(random)
    const { token, world } = server
    const hello = encodeClientMessage({ _tag: "Hello", protocol: protocolRange, token, workspace: world.workspace })
    const others = (await valuesOf(ClientMessage, random, 20)).map((message) => encodeClientMessage(message))
    return {
      input: (one) => {
        const frames = Array.from({ length: one.between(1, 4) }, (_, index) => {
          const content = hostileJson(one, index === 0 && one.chance(0.8) ? [hello] : others)
          const whole = one.chance(0.3) ? Buffer.from(index === 0 ? hello : '{"_tag":"Ping"}') : content
          return frameOf(one, one.chance(0.8) ? 0x81 : (one.pick(hostileFirsts) ?? 0x81), whole)
        })
        const bytes = Buffer.concat(frames)
        return one.chance(0.75) ? bytes : mutateBytes(one, bytes, one.between(1, 3))
      },
      run: async (input) => {
        const sent = Buffer.concat([upgrade, input])
        return verdictOf(await exchange(server.port, sent, patienceMillis, isFrameAfterUpgrade))
      },
      close: server.close
    }
  }
}
