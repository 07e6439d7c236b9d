/** W9: 200 workspaces push at once, each entry acknowledged: entries a second. */
import { allReached } from "../ClientProcess.ts"
import { inTurns, now, numberOf, type Role, type RoleContext, until } from "../Role.ts"
import type { Pushers } from "../System.ts"
import { check, finish, goTo, useBetween, type Workload } from "../Workload.ts"

const workspaces = 200
const processes = 2
const entriesEach = 50
/** Sessions that connect at the same time. */
const atOnce = 20
const entryText = "0123456789".repeat(10)

const pushersOf = async (context: RoleContext, count: number, firstNumber: number): Promise<Pushers> => {
  const { clients, connectAlone, place } = context
  if (clients.pushers !== undefined) return clients.pushers(place(), count, entriesEach)
  const nameOf = (index: number): string => `workspace-${firstNumber + index}`
  const sessions = await inTurns(count, atOnce, async (index) => {
    const session = await connectAlone()
    return { session, client: await session.create(nameOf(index)) }
  })
  const whole = entryText.repeat(entriesEach)
  return {
    push: async () => {
      await Promise.all(
        sessions.map(async ({ client, session }) => {
          for (let entry = 0; entry < entriesEach; entry++) {
            await client.edit([{ at: client.length(), remove: 0, insert: entryText }])
            await session.flushed()
          }
        })
      )
      return count * entriesEach
    },
    readBack: async () => {
      await inTurns(count, atOnce, async (index) => {
        const session = await connectAlone()
        const client = await session.open(nameOf(index))
        await until(client, () => client.length() === whole.length)
        check(client.text() === whole, "the server has another text than was pushed")
        await session.close()
      })
    },
    close: async () => {
      await Promise.all(sessions.map(({ session }) => session.close()))
    }
  }
}

const pusher: Role = async (context) => {
  const count = numberOf(context.parameters, "count")
  const pushers = await pushersOf(context, count, numberOf(context.parameters, "index") * count)
  await context.barrier("ready")
  const began = now()
  const entries = await pushers.push()
  await context.barrier("pushed")
  await pushers.readBack()
  await pushers.close()
  return { began, entries }
}

export const W9Pushing: Workload = {
  name: "W9",
  parts: {
    W9: {
      title: `${workspaces} workspaces pushing at once, ${entriesEach} entries of 100 characters each, until all are stored`,
      figures: {
        entriesPerSecond: { title: "entries stored", unit: "per s", isMoreBetter: true },
        pushingCpuMillis: { title: "server CPU", unit: "ms" }
      }
    }
  },
  roles: { pusher },
  secondsMax: 90,
  budgetSeconds: 230,
  run: async ({ client, report, server }) => {
    const pushing = Array.from({ length: processes }, (_, index) =>
      client("pusher", { index, count: workspaces / processes })
    )
    await allReached(pushing, "ready")
    const before = await server.use()
    await goTo(pushing, "pushed")
    const used = useBetween(before, await server.use("settled"))
    const stored = now()
    const results = await finish(pushing)
    const entries = results.reduce((sum, one) => sum + numberOf(one, "entries"), 0)
    check(entries === workspaces * entriesEach, "not every entry was acknowledged")
    const began = Math.min(...results.map((one) => numberOf(one, "began")))
    report({ entriesPerSecond: (entries * 1_000) / (stored - began), pushingCpuMillis: used.cpuMillis })
  }
}
