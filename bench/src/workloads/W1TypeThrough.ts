/** W1, W2: a paper is typed through while another client looks; then new clients join, also after a restart. */
import { now, type Role, turn } from "../Role.ts"
import { readTrace, sha256 } from "../Trace.ts"
import { allReached, releaseAll } from "../ClientProcess.ts"
import { check, useBetween, type Workload } from "../Workload.ts"

const editsPerCommit = 100
const doc = "paper"

const traceOf = ({ dataFolder }: Readonly<Record<string, unknown>>) =>
  readTrace(typeof dataFolder === "string" ? dataFolder : undefined)

const writer: Role = async ({ barrier, clients, parameters, url }) => {
  const { edits, endText } = traceOf(parameters)
  const client = await clients.open(url, doc)
  await barrier("ready")
  const began = now()
  for (let start = 0; start < edits.length; start += editsPerCommit) {
    client.edit(edits.slice(start, start + editsPerCommit))
    await turn()
  }
  const typed = now()
  await client.flushed()
  const flushed = now()
  check(client.text() === endText, "the writer's text is not the end of the trace")
  await barrier("done")
  await client.close()
  return { began, typed, flushed }
}

/** Resolves at the moment the text is whole, checked by its hash whenever its length is right. */
const whole = async (client: Awaited<ReturnType<Parameters<Role>[0]["clients"]["open"]>>, endText: string) => {
  const hash = sha256(endText)
  const isWhole = () => client.length() === endText.length && sha256(client.text()) === hash
  if (!isWhole()) {
    await new Promise<void>((resolve) => {
      client.onChange(() => {
        if (isWhole()) resolve()
      })
    })
  }
  return now()
}

const reader: Role = async ({ barrier, clients, parameters, url }) => {
  const { endText } = traceOf(parameters)
  const client = await clients.open(url, doc)
  await barrier("ready")
  const converged = await whole(client, endText)
  await barrier("done")
  await client.close()
  return { converged }
}

const joiner: Role = async ({ barrier, clients, parameters, url }) => {
  const { endText } = traceOf(parameters)
  await barrier("ready")
  const began = now()
  const client = await clients.open(url, doc)
  const millis = (await whole(client, endText)) - began
  await barrier("done")
  await client.close()
  return { millis }
}

export const W1TypeThrough: Workload = {
  name: "W1",
  title: "A paper typed through (259,778 edits, a commit each 100), a second client connected; then a cold join (W2)",
  figures: {
    convergedMillis: "ms until the second client has it",
    serverCpuMillis: "ms of server CPU",
    upKilobytes: "kB up",
    downKilobytes: "kB down",
    memoryMegabytes: "MB of server memory",
    storedKilobytes: "kB stored",
    joinMillis: "W2: ms of a cold join",
    joinKilobytes: "W2: kB down",
    joinAfterRestartMillis: "W2: ms of a cold join after a restart"
  },
  roles: { writer, reader, joiner },
  run: async ({ client, dataFolder, server }) => {
    const both = [client("writer", { dataFolder }), client("reader", { dataFolder })]
    await allReached(both, "ready")
    const before = await server.use()
    releaseAll(both)
    await allReached(both, "done")
    const typed = useBetween(before, await server.use())
    releaseAll(both)
    const [wrote, read] = await Promise.all(both.map(({ result }) => result))
    const join = async () => {
      const one = client("joiner", { dataFolder })
      await one.reached("ready")
      const looked = await server.use()
      one.release()
      await one.reached("done")
      const used = useBetween(looked, await server.use())
      one.release()
      return { millis: Number((await one.result)["millis"]), kilobytes: used.downKilobytes }
    }
    const joined = await join()
    const storedKilobytes = server.storedBytes() / 1_000
    await server.restart()
    const joinedAgain = await join()
    return {
      convergedMillis: Number(read?.["converged"]) - Number(wrote?.["began"]),
      serverCpuMillis: typed.cpuMillis,
      upKilobytes: typed.upKilobytes,
      downKilobytes: typed.downKilobytes,
      memoryMegabytes: typed.memoryMegabytes,
      storedKilobytes,
      joinMillis: joined.millis,
      joinKilobytes: joined.kilobytes,
      joinAfterRestartMillis: joinedAgain.millis
    }
  }
}
