/** W6: one writer, 100 subscribers: what the server spends at full speed, and how long an edit takes at four a second. */
import { setTimeout as pause } from "node:timers/promises"
import { allReached } from "../ClientProcess.ts"
import { inTurns, now, numberOf, type Role, turn, until } from "../Role.ts"
import { quantileOf } from "../Statistics.ts"
import { sha256 } from "../Trace.ts"
import { check, finish, goTo, numbersOf, useBetween, type Workload } from "../Workload.ts"

const subscribers = 100
const processes = 2
const fullSpeedEdits = 1_000
const slowEdits = 16
const slowEditMillis = 250
const doc = "board"

const writer: Role = async ({ barrier, connect }) => {
  const session = await connect()
  const client = await session.create(doc)
  await client.edit([{ at: 0, remove: 0, insert: "." }])
  await session.flushed()
  await barrier("ready")
  const began = now()
  for (let index = 0; index < fullSpeedEdits; index++) {
    await client.edit([{ at: (index * 31) % (index + 1), remove: 0, insert: String.fromCharCode(97 + (index % 26)) }])
    await turn()
  }
  await session.flushed()
  await barrier("full speed")
  const edited: Array<number> = []
  const slowBegan = now()
  for (let index = 0; index < slowEdits; index++) {
    const due = slowBegan + index * slowEditMillis
    if (now() < due) await pause(due - now())
    edited.push(now())
    await client.edit([{ at: (index * 31) % (fullSpeedEdits + index), remove: 0, insert: "x" }])
  }
  await session.flushed()
  await barrier("slow")
  const hash = sha256(client.text())
  await session.close()
  return { began, edited, hash }
}

const watcher: Role = async ({ barrier, connect, parameters }) => {
  const sessions = await inTurns(numberOf(parameters, "count"), 10, async () => {
    const session = await connect()
    return { session, client: await session.open(doc) }
  })
  await Promise.all(sessions.map(({ client }) => until(client, () => client.length() === 1)))
  await barrier("ready")
  await Promise.all(sessions.map(({ client }) => until(client, () => client.length() === 1 + fullSpeedEdits)))
  const converged = now()
  await barrier("full speed")
  const seen = await Promise.all(
    sessions.map(async ({ client }) => {
      const times: Array<number> = []
      await until(client, () => {
        const at = now()
        for (const count = client.length() - 1 - fullSpeedEdits; times.length < count;) times.push(at)
        return times.length >= slowEdits
      })
      return times
    })
  )
  await barrier("slow")
  const hashes = [...new Set(sessions.map(({ client }) => sha256(client.text())))]
  await Promise.all(sessions.map(({ session }) => session.close()))
  return { converged, seen: seen.flat(), hashes }
}

export const W6Subscribers: Workload = {
  name: "W6",
  parts: {
    W6: {
      title: `one writer, ${subscribers} subscribers: ${fullSpeedEdits} edits at full speed, then ${slowEdits} at 4 a second`,
      figures: {
        fullSpeedCpuMillis: { title: "server CPU at full speed", unit: "ms" },
        fullSpeedMillis: { title: "full speed, until all have them", unit: "ms" },
        fullSpeedDownKilobytes: { title: "full speed: down", unit: "kB" },
        slowMillisP50: { title: "p50 at 4/s", unit: "ms" },
        slowMillisP99: { title: "p99 at 4/s", unit: "ms" }
      }
    }
  },
  roles: { writer, watcher },
  secondsMax: 120,
  budgetSeconds: 300,
  run: async ({ client, report, server }) => {
    const writing = client("writer")
    await writing.reached("ready")
    const watching = Array.from({ length: processes }, () => client("watcher", { count: subscribers / processes }))
    await allReached(watching, "ready")
    const before = await server.use()
    await goTo([writing, ...watching], "full speed")
    const used = useBetween(before, await server.use())
    await goTo([writing, ...watching], "slow")
    const [wrote, ...watched] = await finish([writing, ...watching])
    for (const one of watched) {
      check(JSON.stringify(one["hashes"]) === JSON.stringify([wrote?.["hash"]]), "a subscriber has another text")
    }
    const edited = numbersOf(wrote?.["edited"])
    const seen = watched.map((one) => numbersOf(one["seen"]))
    check(seen.flat().length === subscribers * edited.length, "a subscriber did not see every edit once")
    const took = seen.flatMap((times) => times.map((at, index) => at - (edited[index % edited.length] ?? 0)))
    report({
      fullSpeedCpuMillis: used.cpuMillis,
      fullSpeedMillis: Math.max(...watched.map((one) => numberOf(one, "converged"))) - numberOf(wrote ?? {}, "began"),
      fullSpeedDownKilobytes: used.downKilobytes,
      slowMillisP50: quantileOf(took, 0.5) ?? 0,
      slowMillisP99: quantileOf(took, 0.99) ?? 0
    })
  }
}
