/**
 * A whole server process's layers on a loopback port, over a throwaway folder, with one workspace founded; and the bytes
 * that go over a connection to it.
 *
 * Its secret is known, so tokens are made here and do not depend on the run.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Layer, Logger, ManagedRuntime, Option } from "effect"
import { HttpServer } from "effect/http"
import { makeProof, sealItem, statementText } from "@tidemark/crypto"
import {
  codecs,
  DeviceSeq,
  encodePush,
  entryKinds,
  protocolHeader,
  protocolRange,
  RosterNumber
} from "@tidemark/protocol"
import { ServerHttp } from "@tidemark/server"
import type { SeededRandom } from "../../SeededRandom.ts"
import { type CryptoWorld, cryptoWorld, runCryptoWith } from "./cryptoWorld.ts"
import { cursorOf, samplesOf } from "./samples.ts"
import { claimsText, headerText, serverSecret, signToken } from "./serverTokens.ts"

/** Nobody is asked to slow down: the fuzzer would only measure that. */
const unlimited = 1_000_000_000

export interface ServerUnderFire {
  readonly port: number
  readonly world: CryptoWorld
  /** A token of the workspace's founder. */
  readonly token: string
  readonly statements: ReadonlyArray<string>
  /** Pushes of the founder. */
  readonly pushes: ReadonlyArray<Uint8Array>
  readonly close: () => Promise<void>
}

/** Founds the workspace over HTTP, as its founder would. */
const found = async (port: number, world: CryptoWorld, statement: string, random: SeededRandom): Promise<void> => {
  const headers = { [protocolHeader]: String(protocolRange.max), "content-type": "application/json" }
  const post = (path: string, body: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body }).then((answer) => answer.json())
  const answer: unknown = await post("/v1/challenges", "")
  const challenge =
    typeof answer === "object" && answer !== null && "challenge" in answer ? String(answer.challenge) : ""
  const proof = runCryptoWith(random)(
    makeProof({ secret: world.owner.secret, action: "found", workspace: world.workspace, challenge })
  )
  const founded: unknown = await post("/v1/workspaces", JSON.stringify({ statements: [statement], proof }))
  if (typeof founded !== "object" || founded === null || !("logId" in founded)) {
    throw new Error(`The server did not found the fuzzer's workspace: ${JSON.stringify(founded)}`)
  }
}

export const serverUnderFire = async (random: SeededRandom): Promise<ServerUnderFire> => {
  const world = cryptoWorld(random)
  const folder = mkdtempSync(join(tmpdir(), "tidemark-fuzz-server-"))
  writeFileSync(join(folder, "secret"), serverSecret, { mode: 0o600 })
  const runtime = ManagedRuntime.make(
    ServerHttp.layer({
      ...{ port: 0, host: "127.0.0.1", dataFolder: folder, webFolder: join(folder, "no app") },
      ...{ workspaceBytesMax: unlimited, requestsPerSecondMax: unlimited, databaseUrl: Option.none() }
    }).pipe(Layer.provide(Logger.layer([])))
  )
  const { address } = Context.get(await runtime.context(), HttpServer.HttpServer)
  const port = "port" in address ? address.port : 0
  const statements = world.statements.map(({ bytes }) => statementText(bytes))
  await found(port, world, statements[0] ?? "", random.fork("founding"))
  const { device, secret } = world.owner
  const pushes = samplesOf(random, 12, (one) => {
    const item = { kind: entryKinds.update, codec: codecs.loro, item: one.bytes(one.below(300)), doc: world.doc }
    const author = { workspace: world.workspace, device, secret, keyring: world.keyring }
    const place = {
      roster: RosterNumber.make(1),
      seen: cursorOf(one),
      firstDeviceSeq: DeviceSeq.make(1 + one.below(20))
    }
    return encodePush(runCryptoWith(one)(sealItem({ ...item, ...author, ...place })))
  })
  return {
    port,
    world,
    token: signToken(
      headerText(),
      claimsText({ workspace: world.workspace, subject: `device:${device}`, use: "master", jti: "fuzz-fuzz-fuzz" })
    ),
    statements,
    pushes,
    close: async () => {
      await runtime.dispose()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** How long a server may leave a connection that the other side has ended, in milliseconds. */
const farewellMillisMax = 20_000

/**
 * Sends bytes on a new connection and gives all that comes back until the server closes. The sending side is ended as soon
 * as `isAnswered` says so of what has come, or after `patienceMillis` of silence. Rejects where the server keeps an ended
 * connection open.
 */
export const exchange = (
  port: number,
  sent: Uint8Array,
  patienceMillis: number,
  isAnswered: (received: Buffer) => boolean
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    const end = () => {
      socket.end()
      socket.setTimeout(farewellMillisMax)
    }
    // Silence, first of a server that has not answered yet, then of one that should have closed.
    socket.setTimeout(patienceMillis, () => {
      if (!socket.writableEnded) return end()
      socket.destroy()
      reject(new Error(`The server left an ended connection open for ${farewellMillisMax} ms`))
    })
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      if (isAnswered(Buffer.concat(chunks))) end()
    })
    // A server may reset a connection whose bytes it refuses; that is an answer too.
    socket.on("error", () => socket.destroy())
    socket.on("end", end)
    socket.on("close", () => resolve(Buffer.concat(chunks)))
    socket.write(sent)
  })
