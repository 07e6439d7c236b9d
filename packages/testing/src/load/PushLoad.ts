/** Many workspaces push at once: durable entries a second, and what each costs the server. */
import { Effect } from "effect"
import { encodePush } from "@tidemark/protocol"
import type { Member } from "../chaos/Crew.ts"
import { type LoadServer, opaqueEntry } from "./LoadStand.ts"
import { openRawHttp } from "./RawHttp.ts"
import { openPushSocket } from "./PushSocket.ts"

export interface PushLoadOptions {
  readonly workspaces: number
  /** Entries of one push, and bytes of one entry. */
  readonly entriesPerPush: number
  readonly entryBytes: number
  readonly seconds: number
  /** The way the pushes go. */
  readonly by: "http" | "socket"
}

export interface PushLoadFigures {
  readonly entries: number
  readonly pushes: number
  readonly entriesPerSecond: number
  /** Milliseconds of the server's processor time per 1,000 entries, and per 1,000 pushes. */
  readonly cpuMillisPerThousand: number
  readonly cpuMillisPerThousandPushes: number
}

interface Lane {
  readonly member: Member
  /** Sends one push and resolves when it is answered: what was stored. */
  readonly push: (entries: ReadonlyArray<Uint8Array>) => Promise<number>
  readonly close: () => void
  deviceSeq: number
}

const storedIn = (text: string): number => text.split('"Stored"').length - 1

const httpLane = async (port: number, member: Member): Promise<Lane> => {
  const http = await openRawHttp(port)
  const { token, workspace } = member.session
  const path = `/v1/workspaces/${workspace}/entries`
  return {
    member,
    deviceSeq: 0,
    close: http.close,
    push: async (entries) => {
      const answer = await http.ask({ path, token, body: encodePush(entries) })
      const text = Buffer.from(answer.body).toString()
      if (answer.status !== 200) throw new Error(`a push was answered ${answer.status}: ${text}`)
      return storedIn(text)
    }
  }
}

const socketLane = async (port: number, member: Member): Promise<Lane> => {
  const socket = await openPushSocket(port, member)
  return {
    member,
    deviceSeq: 0,
    close: socket.close,
    push: async (entries) => {
      const { results } = await socket.push(entries)
      return results.filter(({ _tag }) => _tag === "Stored").length
    }
  }
}

const laneBy = { http: httpLane, socket: socketLane } as const

/** Pushes for some seconds from one device of each workspace, each as soon as the one before is answered. */
export const pushLoad = Effect.fnUntraced(function* (server: LoadServer, options: PushLoadOptions) {
  const crews = yield* server.crews(options.workspaces, 1)
  return yield* Effect.promise(async (): Promise<PushLoadFigures> => {
    const lanes = await Promise.all(crews.flat().map((member) => laneBy[options.by](server.port, member)))
    const next = (lane: Lane) =>
      Array.from({ length: options.entriesPerPush }, () =>
        opaqueEntry(lane.member, ++lane.deviceSeq, options.entryBytes)
      )
    const run = async (seconds: number) => {
      const end = performance.now() + seconds * 1_000
      const startedAt = performance.now()
      const before = server.use().cpuMillis
      let entries = 0
      let pushes = 0
      await Promise.all(
        lanes.map(async (lane) => {
          while (performance.now() < end) {
            const stored = await lane.push(next(lane))
            if (stored !== options.entriesPerPush) throw new Error(`stored ${stored} of ${options.entriesPerPush}`)
            entries += stored
            pushes += 1
          }
        })
      )
      const cpuMillis = server.use().cpuMillis - before
      return { entries, pushes, cpuMillis, seconds: (performance.now() - startedAt) / 1_000 }
    }
    // The server's code is compiled by use; a second of it is not what is asked for.
    await run(1)
    const { cpuMillis, entries, pushes, seconds } = await run(options.seconds)
    for (const lane of lanes) lane.close()
    return {
      entries,
      pushes,
      entriesPerSecond: entries / seconds,
      cpuMillisPerThousand: (cpuMillis * 1_000) / entries,
      cpuMillisPerThousandPushes: (cpuMillis * 1_000) / pushes
    }
  })
})
