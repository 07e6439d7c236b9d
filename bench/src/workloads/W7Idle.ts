/** W7: 1,000 and then 10,000 clients that watch 100 docs and do nothing: what the server's memory grows by for each. */
import { allReached } from "../ClientProcess.ts"
import { inTurns, numberOf, type Role, type RoleContext, until } from "../Role.ts"
import { finish, goTo, type Workload } from "../Workload.ts"

const docs = Array.from({ length: 100 }, (_, index) => `quiet-${index}`)
const processes = 2
const few = 1_000
const many = 10_000
const contentLength = 40

const seeder: Role = async ({ connect }) => {
  const session = await connect()
  for (const doc of docs) {
    const client = await session.create(doc)
    await client.edit([{ at: 0, remove: 0, insert: doc.padEnd(contentLength, ".") }])
  }
  await session.flushed()
  await session.close()
  return {}
}

/** Watches the docs in turn with so many clients; resolves, when each has its doc, with what closes them. */
const watch = async ({ clients, connect, place }: RoleContext, count: number): Promise<() => Promise<void>> => {
  if (clients.idle !== undefined) return clients.idle(place(), docs, count)
  const sessions = await inTurns(count, 50, async (index) => {
    const session = await connect()
    const client = await session.open(docs[index % docs.length] ?? "")
    await until(client, () => client.length() === contentLength)
    return session
  })
  return async () => {
    await Promise.all(sessions.map((session) => session.close()))
  }
}

const idler: Role = async (context) => {
  const counts = [numberOf(context.parameters, "few"), numberOf(context.parameters, "many")] as const
  await context.barrier("ready")
  await watch(context, counts[0])
  await context.barrier("few")
  if (counts[1] === 0) return {}
  await watch(context, counts[1] - counts[0])
  await context.barrier("many")
  // Closing thousands politely takes its time and measures nothing; the process ends.
  return {}
}

export const W7Idle: Workload = {
  name: "W7",
  parts: {
    W7: {
      title: "idle clients on 100 docs: server memory (after the collector ran) for each",
      figures: {
        fewKilobytesEach: { title: "1,000 clients: memory each", unit: "kB" },
        fewMegabytes: { title: "1,000 clients: memory", unit: "MB" },
        manyKilobytesEach: { title: "10,000 clients: memory each", unit: "kB" },
        manyMegabytes: { title: "10,000 clients: memory", unit: "MB" }
      }
    }
  },
  roles: { seeder, idler },
  secondsMax: 120,
  budgetSeconds: 160,
  run: async ({ client, report, server, system }) => {
    await client("seeder").result
    const isMany = system.fewIdleBecause === undefined
    const idling = Array.from({ length: processes }, () =>
      client("idler", { few: few / processes, many: isMany ? many / processes : 0 })
    )
    await allReached(idling, "ready")
    const memoryBytes = async (): Promise<number> => (await server.use("rest")).memoryBytes
    const empty = await memoryBytes()
    await goTo(idling, "few")
    const withFew = (await memoryBytes()) - empty
    report({ fewKilobytesEach: withFew / few / 1_000, fewMegabytes: withFew / 1e6 })
    if (!isMany) return void (await finish(idling))
    await goTo(idling, "many")
    const withMany = (await memoryBytes()) - empty
    report({ manyKilobytesEach: withMany / many / 1_000, manyMegabytes: withMany / 1e6 })
    await finish(idling)
  }
}
