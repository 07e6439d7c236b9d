/**
 * W1, W2, W3: a paper is typed through while another client looks; new clients join, also after a restart; and small edits go
 * from one client to another.
 */
import { setTimeout as pause } from "node:timers/promises"
import { now, numberOf, type Role, turn, until } from "../Role.ts"
import { quantileOf } from "../Statistics.ts"
import { type Splice, spliceText } from "../Splice.ts"
import type { TextClient } from "../System.ts"
import { readTrace, sha256 } from "../Trace.ts"
import { check, finish, goTo, numbersOf, type RunContext, useBetween, type Workload } from "../Workload.ts"
import { within } from "../Within.ts"
import { allReached } from "../ClientProcess.ts"

const editsPerCommit = 100
const smallEdits = 250
const smallEditMillis = 20
/** A join that takes longer has failed, and nobody waits for it in vain. */
const joinSecondsMax = 20
const doc = "paper"

const traceOf = ({ dataFolder }: Readonly<Record<string, unknown>>) =>
  readTrace(typeof dataFolder === "string" ? dataFolder : undefined)

const writer: Role = async ({ barrier, connect, parameters }) => {
  const { edits, endText } = traceOf(parameters)
  const session = await connect()
  const client = await session.create(doc)
  await session.flushed()
  await barrier("ready")
  const began = now()
  for (let start = 0; start < edits.length; start += editsPerCommit) {
    await client.edit(edits.slice(start, start + editsPerCommit))
    await turn()
  }
  const typed = now()
  await session.flushed()
  const flushed = now()
  check(client.text() === endText, "the writer's text is not the end of the trace")
  await barrier("done")
  await session.rested?.()
  await barrier("rested")
  await session.close()
  return { began, typed, flushed }
}

/** Resolves at the moment the text is whole, checked by its hash whenever its length is right. */
const whole = (client: TextClient, endText: string): Promise<number> => {
  const hash = sha256(endText)
  return until(client, () => client.length() === endText.length && sha256(client.text()) === hash)
}

const reader: Role = async ({ barrier, connect, parameters }) => {
  const { endText } = traceOf(parameters)
  const session = await connect()
  const client = await session.open(doc)
  await barrier("ready")
  const converged = await whole(client, endText)
  await barrier("done")
  await session.rested?.()
  await barrier("rested")
  await session.close()
  return { converged }
}

const joiner: Role = async ({ barrier, connect, parameters }) => {
  const { endText: typed } = traceOf(parameters)
  const endText = parameters["hasSmallEdits"] === true ? withSmallEdits(typed) : typed
  await barrier("ready")
  const began = now()
  const session = await connect()
  const client = await session.open(doc)
  const millis = (await whole(client, endText)) - began
  await barrier("done")
  await session.close()
  return { millis }
}

/** The small edits: spread over the text, the same ones on every system. */
const smallEditOf = (index: number, length: number): Splice => ({
  at: (index * 7_919 + 13) % length,
  remove: 0,
  insert: "x"
})

const withSmallEdits = (text: string): string =>
  spliceText(
    text,
    Array.from({ length: smallEdits }, (_, index) => smallEditOf(index, text.length))
  )

const smallWriter: Role = async ({ barrier, connect, parameters }) => {
  const { endText } = traceOf(parameters)
  const session = await connect()
  const client = await session.open(doc)
  await whole(client, endText)
  await barrier("ready")
  const began = now()
  const edited: Array<number> = []
  for (let index = 0; index < smallEdits; index++) {
    const due = began + index * smallEditMillis
    if (now() < due) await pause(due - now())
    // A writer that is late by a whole interval keeps everybody waiting since the edit was due.
    edited.push(now() - due > smallEditMillis ? due : now())
    await client.edit([smallEditOf(index, endText.length)])
  }
  await session.flushed()
  await barrier("done")
  check(client.text() === withSmallEdits(endText), "the writer's text does not hold the small edits")
  await session.close()
  return { edited }
}

const smallReader: Role = async ({ barrier, connect, parameters }) => {
  const { endText } = traceOf(parameters)
  const session = await connect()
  const client = await session.open(doc)
  await whole(client, endText)
  await barrier("ready")
  const seen: Array<number> = []
  await until(client, () => {
    const at = now()
    for (const count = client.length() - endText.length; seen.length < count;) seen.push(at)
    return seen.length >= smallEdits
  })
  await barrier("done")
  check(client.text() === withSmallEdits(endText), "the reader's text does not hold the small edits")
  await session.close()
  return { seen }
}

const typeThrough = async ({ client, dataFolder, report, server, system }: RunContext): Promise<void> => {
  const writing = client("writer", { dataFolder })
  await writing.reached("ready")
  const both = [writing, client("reader", { dataFolder })]
  await allReached(both, "ready")
  const before = await server.use()
  await goTo(both, "done")
  // What typing leads to, such as a checkpoint, is part of what it costs.
  await goTo(both, "rested")
  const typed = useBetween(before, await server.use("settled"))
  const [wrote, read] = await finish(both)
  report({
    convergedMillis: numberOf(read ?? {}, "converged") - numberOf(wrote ?? {}, "began"),
    serverCpuMillis: typed.cpuMillis,
    upKilobytes: typed.upKilobytes,
    downKilobytes: typed.downKilobytes,
    memoryMegabytes: typed.memoryMegabytes,
    // A database of its own keeps what it has elsewhere.
    ...(system.backing === undefined ? { storedKilobytes: server.storedBytes() / 1_000 } : {})
  })
}

const join = async ({ client, dataFolder, server }: RunContext, hasSmallEdits: boolean) => {
  const one = client("joiner", { dataFolder, hasSmallEdits })
  await one.reached("ready")
  const before = await server.use()
  await within(joinSecondsMax, goTo([one], "done"))
  const used = useBetween(before, await server.use())
  const [result] = await finish([one])
  return { millis: numberOf(result ?? {}, "millis"), kilobytes: used.downKilobytes }
}

const smallEditsSeen = async ({ client, dataFolder, report }: RunContext): Promise<void> => {
  const both = [client("smallWriter", { dataFolder }), client("smallReader", { dataFolder })]
  await allReached(both, "ready")
  await goTo(both, "done")
  const [wrote, read] = await finish(both)
  const seen = numbersOf(read?.["seen"])
  check(seen.length === smallEdits, "the reader did not see every edit once")
  const took = numbersOf(wrote?.["edited"]).map((at, index) => (seen[index] ?? 0) - at)
  const of = (share: number): number => quantileOf(took, share) ?? 0
  report({ visibleMillisP50: of(0.5), visibleMillisP95: of(0.95), visibleMillisP99: of(0.99) })
}

export const W1TypeThrough: Workload = {
  name: "W1",
  parts: {
    W1: {
      title: "a paper typed through (259,778 edits, a commit each 100), a second client connected",
      figures: {
        convergedMillis: { title: "until the second client has it", unit: "ms" },
        serverCpuMillis: { title: "server CPU, until all is at rest", unit: "ms" },
        upKilobytes: { title: "up, until all is at rest", unit: "kB" },
        downKilobytes: { title: "down, until all is at rest", unit: "kB" },
        memoryMegabytes: { title: "server memory", unit: "MB" },
        storedKilobytes: { title: "stored", unit: "kB" }
      }
    },
    W2: {
      title: "a cold join after it",
      figures: {
        joinMillis: { title: "until the new client has it", unit: "ms" },
        joinKilobytes: { title: "down", unit: "kB" },
        joinAfterRestartMillis: { title: "after a restart of the server", unit: "ms" }
      }
    },
    W3: {
      title: `${smallEdits} small edits on that 100 kB document, ${smallEditMillis} ms apart, from the edit until the other client shows it`,
      figures: {
        visibleMillisP50: { title: "p50", unit: "ms" },
        visibleMillisP95: { title: "p95", unit: "ms" },
        visibleMillisP99: { title: "p99", unit: "ms" }
      }
    }
  },
  roles: { writer, reader, joiner, smallWriter, smallReader },
  secondsMax: 180,
  budgetSeconds: 620,
  run: async (context) => {
    await typeThrough(context)
    if (context.wants("W2")) {
      const { kilobytes, millis } = await join(context, false)
      context.report({ joinMillis: millis, joinKilobytes: kilobytes })
    }
    if (context.wants("W3")) await smallEditsSeen(context)
    if (context.wants("W2")) {
      await context.server.restart()
      context.report({ joinAfterRestartMillis: (await join(context, context.wants("W3"))).millis })
    }
  }
}
