/** W5: 1,000 documents of 1 kB, until all are durable; then a new client has all. */
import { now, numberOf, type Role, until } from "../Role.ts"
import { sha256 } from "../Trace.ts"
import { check, finish, goTo, useBetween, type Workload } from "../Workload.ts"

const docs = 1_000
const names = Array.from({ length: docs }, (_, index) => `doc-${index}`)

/** 1,000 characters that do not compress to nothing. */
const contentOf = (name: string): string =>
  Array.from({ length: 16 }, (_, index) => sha256(`${name}/${index}`))
    .join("")
    .slice(0, 1_000)

const writer: Role = async ({ barrier, connect }) => {
  const session = await connect()
  await barrier("ready")
  const began = now()
  await Promise.all(
    names.map(async (name) => {
      const client = await session.create(name)
      await client.edit([{ at: 0, remove: 0, insert: contentOf(name) }])
    })
  )
  await session.flushed()
  await barrier("flushed")
  await session.close()
  return { began }
}

const joiner: Role = async ({ barrier, connect }) => {
  await barrier("ready")
  const began = now()
  const session = await connect()
  const clients = await Promise.all(
    names.map(async (name) => {
      const client = await session.open(name)
      await until(client, () => client.length() === 1_000)
      return { client, name }
    })
  )
  const millis = now() - began
  for (const { client, name } of clients)
    check(client.text() === contentOf(name), `the content of ${name} is not its own`)
  await barrier("done")
  await session.close()
  return { millis }
}

export const W5Docs: Workload = {
  name: "W5",
  parts: {
    W5: {
      title: "1,000 documents of 1 kB: all stored; then a new client has all",
      figures: {
        storedMillis: { title: "until all are stored, as durably as the system does", unit: "ms" },
        storingUpKilobytes: { title: "up", unit: "kB" },
        storingCpuMillis: { title: "server CPU", unit: "ms" },
        allMillis: { title: "a new client has all", unit: "ms" },
        allKilobytes: { title: "down", unit: "kB" }
      }
    }
  },
  roles: { writer, joiner },
  secondsMax: 60,
  budgetSeconds: 270,
  run: async ({ client, report, server }) => {
    const writing = client("writer")
    await writing.reached("ready")
    const before = await server.use()
    await goTo([writing], "flushed")
    const used = useBetween(before, await server.use("settled"))
    const stored = now()
    const [wrote] = await finish([writing])
    report({
      storedMillis: stored - numberOf(wrote ?? {}, "began"),
      storingUpKilobytes: used.upKilobytes,
      storingCpuMillis: used.cpuMillis
    })
    const joining = client("joiner")
    await joining.reached("ready")
    const beforeJoin = await server.use()
    await goTo([joining], "done")
    const joined = useBetween(beforeJoin, await server.use())
    const [result] = await finish([joining])
    report({ allMillis: numberOf(result ?? {}, "millis"), allKilobytes: joined.downKilobytes })
  }
}
