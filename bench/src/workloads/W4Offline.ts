/**
 * W4: a client makes 20,000 edits while it is offline and comes back, until the other has them; then the other makes 20,000 while it
 * is away, until it has them.
 */
import { now, numberOf, type Role, turn, until } from "../Role.ts"
import type { TextClient } from "../System.ts"
import { readTrace, sha256 } from "../Trace.ts"
import { check, finish, goTo, useBetween, type Workload } from "../Workload.ts"

const edits = 20_000
const editsPerCommit = 100
const doc = "diary"

const traceOf = ({ dataFolder }: Readonly<Record<string, unknown>>) =>
  readTrace(typeof dataFolder === "string" ? dataFolder : undefined).edits

/** The next 20,000 edits of the trace. */
const type = async (client: TextClient, trace: ReturnType<typeof traceOf>, from: number): Promise<void> => {
  for (let start = from; start < from + edits; start += editsPerCommit) {
    await client.edit(trace.slice(start, start + editsPerCommit))
    await turn()
  }
}

const lengthAfter = (trace: ReturnType<typeof traceOf>, count: number): number =>
  trace.slice(0, count).reduce((length, { insert, remove }) => length + insert.length - remove, 0)

/** The one that goes away. */
const traveller: Role = async ({ barrier, connect, parameters }) => {
  const trace = traceOf(parameters)
  const session = await connect()
  const client = await session.create(doc)
  await session.flushed()
  await barrier("ready")
  await session.disconnect()
  await type(client, trace, 0)
  // Who was offline has made the edits by the time of coming back.
  await session.stored?.()
  await barrier("typed")
  const back = now()
  await session.reconnect()
  await session.flushed()
  await barrier("caught up")
  await session.disconnect()
  await barrier("away")
  const lengthAtEnd = lengthAfter(trace, 2 * edits)
  const began = now()
  await session.reconnect()
  const millis = (await until(client, () => client.length() === lengthAtEnd)) - began
  await barrier("done")
  const hash = sha256(client.text())
  await session.close()
  return { back, millis, hash }
}

/** The one that stays. */
const homebody: Role = async ({ barrier, connect, parameters }) => {
  const trace = traceOf(parameters)
  const session = await connect()
  const client = await session.open(doc)
  await barrier("ready")
  check(client.length() === 0, "the other client's edits came although it is offline")
  const lengthThen = lengthAfter(trace, edits)
  await barrier("typed")
  const caughtUp = await until(client, () => client.length() === lengthThen)
  await barrier("caught up")
  await barrier("away")
  await type(client, trace, edits)
  await session.flushed()
  await barrier("written")
  await barrier("done")
  const hash = sha256(client.text())
  await session.close()
  return { caughtUp, hash }
}

export const W4Offline: Workload = {
  name: "W4",
  parts: {
    W4: {
      title: "20,000 offline edits (a commit each 100), then the reverse",
      figures: {
        catchUpMillis: { title: "out: until the other has them", unit: "ms" },
        catchUpKilobytes: { title: "out: up", unit: "kB" },
        backMillis: { title: "back: until it has the other's", unit: "ms" },
        backKilobytes: { title: "back: down", unit: "kB" }
      }
    }
  },
  roles: { traveller, homebody },
  secondsMax: 60,
  budgetSeconds: 150,
  run: async ({ client, dataFolder, report, server, trace }) => {
    const away = client("traveller", { dataFolder })
    await away.reached("ready")
    const home = client("homebody", { dataFolder })
    await home.reached("ready")
    await goTo([away], "typed")
    await goTo([home], "typed")
    const before = await server.use()
    await goTo([away, home], "caught up")
    const out = useBetween(before, await server.use())
    await goTo([away, home], "away")
    await goTo([home], "written")
    const beforeBack = await server.use()
    await goTo([away], "done")
    const back = useBetween(beforeBack, await server.use())
    await goTo([home], "done")
    const [gone, stayed] = await finish([away, home])
    const expected = sha256(trace.textAfter(2 * edits))
    check(gone?.["hash"] === expected, "the client that was away has another text than was typed")
    check(stayed?.["hash"] === expected, "the client that stayed has another text than was typed")
    report({
      catchUpMillis: numberOf(stayed ?? {}, "caughtUp") - numberOf(gone ?? {}, "back"),
      catchUpKilobytes: out.upKilobytes,
      backMillis: numberOf(gone ?? {}, "millis"),
      backKilobytes: back.downKilobytes
    })
  }
}
