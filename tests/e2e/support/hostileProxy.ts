/**
 * One device's way to the server through a middlebox that understands HTTP and means harm: it swallows, invents, delays and
 * cuts, request by request, as a rule of the test says.
 *
 * Everything passes untouched until a rule is given. The live socket is relayed byte by byte; a new rule ends the sockets
 * that are open, or silences them where it swallows. Nothing here waits on a clock.
 */
import { EventEmitter, once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { connect, type Socket } from "node:net"
import type { Duplex } from "node:stream"

/** One request of a device, whole. */
export interface Asked {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  /** Headers by their names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** All of it as it came, or would have come in one connection. */
  readonly bytes: Buffer
  /** The live socket. */
  readonly isUpgrade: boolean
}

export type Treatment =
  | { readonly _tag: "Pass" }
  /** Never answered; the connection stays open. */
  | { readonly _tag: "Swallow" }
  /** Answered by the proxy; the server hears nothing of it. */
  | { readonly _tag: "Invent"; readonly type: string; readonly body: string; readonly status?: number }
  /** Passes once the promise resolves. */
  | { readonly _tag: "After"; readonly moment: Promise<void> }
  /** The server gets so many bytes of the request, the device nothing but the end of its connection. */
  | { readonly _tag: "CutRequest"; readonly at: number }
  /** The server gets it all, the device so many bytes of the answer; `whole` is called where the answer is no longer. */
  | { readonly _tag: "CutAnswer"; readonly at: number; readonly whole: () => void }

export type Rule = (asked: Asked) => Treatment | Promise<Treatment>

export const pass: Treatment = { _tag: "Pass" }
const passAll: Rule = () => pass
export const swallow: Treatment = { _tag: "Swallow" }

export interface HostileProxy {
  /** The address the device knows the server by. */
  readonly origin: string
  /** Treats what comes from now on by this rule. Open live sockets go silent (`silent`) or end. */
  readonly treat: (rule: Rule, options?: { readonly silent: boolean }) => void
  /** Passes everything on; held and swallowed connections end, as when a router is replaced. */
  readonly behave: () => void
  /** Live sockets that are open now, and the most there were at once. */
  readonly liveSockets: () => number
  readonly liveSocketsMost: () => number
  /** Resolves once exactly so many live sockets are open. */
  readonly untilLiveSockets: (wanted: number) => Promise<void>
  /** Every request under `/v1/` so far. */
  readonly asked: () => ReadonlyArray<Asked>
  readonly close: () => Promise<void>
}

/** Proxies to a port on this machine. */
export const hostileProxy = async (serverPort: number): Promise<HostileProxy> => {
  const sockets = new Set<Duplex>()
  const live = new Set<Duplex>()
  /** Says `changed` when a live socket opens or ends. */
  const count = new EventEmitter()
  const asked: Array<Asked> = []
  let rule: Rule = passAll
  let liveMost = 0
  let isSilent = false

  const keep = <S extends Duplex>(socket: S): S => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
    return socket
  }

  /** Decides on a request, then carries it out on the two bare connections. */
  const meet = async (request: IncomingMessage, device: Duplex, body: Buffer): Promise<void> => {
    const seen = askedOf(request, body)
    if (seen.path.startsWith("/v1/")) asked.push(seen)
    const treatment = await rule(seen)
    if (treatment._tag === "After") await treatment.moment
    if (device.destroyed) return
    switch (treatment._tag) {
      case "Swallow":
        return
      case "Invent":
        device.end(answerBytes(treatment.type, treatment.body, treatment.status))
        return
      case "CutRequest":
        return cutRequest(seen.bytes.subarray(0, treatment.at), device)
      case "Pass":
      case "After":
        return seen.isUpgrade ? relayLive(seen, device, Infinity) : answer(seen, device, Infinity, () => undefined)
      case "CutAnswer":
        return seen.isUpgrade
          ? relayLive(seen, device, treatment.at)
          : answer(seen, device, treatment.at, treatment.whole)
    }
  }

  const toServer = (): Socket => keep(connect(serverPort, "127.0.0.1"))

  const cutRequest = (bytes: Buffer, device: Duplex): void => {
    const server = toServer()
    // Both ends go when the bytes are out; a server that waits for the rest must not hold the device up.
    server.end(bytes, () => {
      server.destroy()
      device.destroy()
    })
  }

  const answer = (seen: Asked, device: Duplex, at: number, whole: () => void): void => {
    const server = toServer()
    let passed = 0
    server.on("data", (chunk: Buffer) => {
      const part = chunk.subarray(0, Math.max(0, at - passed))
      passed += chunk.length
      if (part.length > 0) device.write(part)
      if (passed > at) {
        server.destroy()
        device.end(() => device.destroy())
      }
    })
    server.on("end", () => {
      if (passed <= at) whole()
      device.end()
    })
    server.on("close", () => device.end())
    server.write(seen.bytes)
  }

  const relayLive = (seen: Asked, device: Duplex, bytesMax: number): void => {
    const server = toServer()
    let passed = 0
    live.add(device)
    liveMost = Math.max(liveMost, live.size)
    count.emit("changed")
    server.on("data", (chunk: Buffer) => {
      if (isSilent) return
      const part = chunk.subarray(0, Math.max(0, bytesMax - passed))
      passed += chunk.length
      device.write(part)
      if (passed > bytesMax) device.end(() => device.destroy())
    })
    device.on("data", (chunk: Buffer) => {
      if (isSilent) return
      // A middlebox with rules of its own reads text; bytes it cannot look into end the connection, and pushes are requests then.
      if (rule !== passAll && sendsBytes(chunk)) device.destroy()
      else server.write(chunk)
    })
    server.on("close", () => device.destroy())
    device.on("close", () => {
      live.delete(device)
      count.emit("changed")
      server.destroy()
    })
    server.write(seen.bytes)
  }

  const proxy = createServer((request, response) => {
    const { socket } = request
    // The answer's bytes are written by us: one request a connection, and nothing of node's own.
    response.detachSocket(socket)
    void whole(request).then((body) => (body === undefined ? undefined : meet(request, socket, body)))
  })
  proxy.on("connection", keep)
  proxy.on("upgrade", (request, device) => void meet(request, device, Buffer.alloc(0)))
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  const address = proxy.address()
  const port = typeof address === "object" && address !== null ? address.port : 0

  const endAll = (these: Iterable<Duplex>) => [...these].forEach((socket) => socket.destroy())
  return {
    origin: `http://127.0.0.1:${port}`,
    treat: (next, options = { silent: false }) => {
      rule = next
      isSilent = options.silent
      if (!isSilent) endAll(live)
    },
    behave: () => {
      rule = passAll
      isSilent = false
      endAll(sockets)
    },
    liveSockets: () => live.size,
    liveSocketsMost: () => liveMost,
    untilLiveSockets: async (wanted) => {
      while (live.size !== wanted) await once(count, "changed")
    },
    asked: () => asked,
    close: async () => {
      rule = () => swallow
      proxy.close()
      endAll(sockets)
      await once(proxy, "close")
    }
  }
}

/** The body, or undefined where the device gave up before its end. */
const whole = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Array<Buffer> = []
  try {
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

/** Whether one of the WebSocket frames that begin in this chunk holds bytes. */
const sendsBytes = (chunk: Buffer): boolean => {
  for (let at = 0; at + 1 < chunk.length;) {
    const [kind = 0, length = 0] = [(chunk[at] ?? 0) & 15, (chunk[at + 1] ?? 0) & 127]
    if (kind === 2) return true
    const sizeBytes = length === 126 ? 2 : length === 127 ? 8 : 0
    const size = length === 126 && at + 4 <= chunk.length ? chunk.readUInt16BE(at + 2) : length
    // Two bytes, the size, the mask, the content; text never needs the longest form.
    at += 2 + sizeBytes + 4 + (length === 127 ? chunk.length : size)
  }
  return false
}

const askedOf = (request: IncomingMessage, body: Buffer): Asked => {
  const { method = "GET", url = "/" } = request
  const isUpgrade = request.headers.upgrade !== undefined
  const pairs = Array.from({ length: request.rawHeaders.length / 2 }, (_, at) => {
    const [name = "", value = ""] = request.rawHeaders.slice(2 * at, 2 * at + 2)
    return [name, value] as const
  })
  // One request a connection, so that the end of the answer is the end of the connection.
  const sent = isUpgrade
    ? pairs
    : [...pairs.filter(([name]) => !/^(connection|keep-alive)$/i.test(name)), ["connection", "close"] as const]
  const head = [`${method} ${url} HTTP/1.1`, ...sent.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n")
  return {
    method,
    path: new URL(url, "http://device").pathname,
    headers: Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value])),
    body,
    bytes: Buffer.concat([Buffer.from(head), body]),
    isUpgrade
  }
}

const answerBytes = (type: string, body: string, status = 200): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status} Invented\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  )
