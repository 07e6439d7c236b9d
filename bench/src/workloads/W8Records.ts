/** W8: 100,000 records: the first sync of a new device, and one changed record. */
import { type BenchRecord, recordOf, recordsHash } from "../BenchRecord.ts"
import { now, numberOf, type Role, until } from "../Role.ts"
import type { RecordsClient, Session } from "../System.ts"
import { check, finish, goTo, useBetween, type Workload } from "../Workload.ts"

const records = 100_000
const recordsPerCommit = 1_000
const changed = 77_777
const newTitle = "Task 77777: done at last"

const recordsOf = (session: Session, isNew: boolean): Promise<RecordsClient> => {
  if (session.records === undefined) throw new Error("this system has no records")
  return session.records(isNew)
}

const expectedHash = (change: (one: BenchRecord) => BenchRecord): string =>
  recordsHash(Array.from({ length: records }, (_, number) => change(recordOf(number))))

const writer: Role = async ({ barrier, connect }) => {
  const session = await connect()
  const client = await recordsOf(session, true)
  const began = now()
  for (let from = 0; from < records; from += recordsPerCommit) {
    await client.create(Array.from({ length: recordsPerCommit }, (_, index) => recordOf(from + index)))
  }
  await session.flushed()
  const millis = now() - began
  await barrier("written")
  const edited = now()
  await client.retitle(changed, newTitle)
  await session.flushed()
  await barrier("changed")
  await session.close()
  return { millis, edited }
}

const joiner: Role = async ({ barrier, connect }) => {
  await barrier("ready")
  const began = now()
  const session = await connect()
  const client = await recordsOf(session, false)
  const millis = (await until(client, () => client.count() === records)) - began
  check(recordsHash(client.all()) === expectedHash((one) => one), "the new device has other records than were made")
  await barrier("joined")
  const seen = await until(client, () => client.titleOf(changed) === newTitle)
  await barrier("changed")
  const hash = expectedHash((one) => (one.number === changed ? { ...one, title: newTitle } : one))
  check(recordsHash(client.all()) === hash, "after the change the new device has other records")
  await session.close()
  return { millis, seen }
}

export const W8Records: Workload = {
  name: "W8",
  parts: {
    W8: {
      title: "100,000 records: the first sync of a new device; one changed record",
      figures: {
        recordsWrittenMillis: { title: "written and flushed", unit: "ms" },
        firstSyncMillis: { title: "first sync", unit: "ms" },
        firstSyncKilobytes: { title: "first sync: down", unit: "kB" },
        changeMillis: { title: "one change, until the other shows it", unit: "ms" },
        changeUpKilobytes: { title: "one change: up", unit: "kB" }
      }
    }
  },
  roles: { writer, joiner },
  secondsMax: 120,
  budgetSeconds: 120,
  run: async ({ client, report, server }) => {
    const writing = client("writer")
    await writing.reached("written")
    const joining = client("joiner")
    await joining.reached("ready")
    const before = await server.use("settled")
    await goTo([joining], "joined")
    const joined = useBetween(before, await server.use())
    const beforeChange = await server.use()
    await goTo([joining, writing], "changed")
    const change = useBetween(beforeChange, await server.use())
    const [read, wrote] = await finish([joining, writing])
    report({
      recordsWrittenMillis: numberOf(wrote ?? {}, "millis"),
      firstSyncMillis: numberOf(read ?? {}, "millis"),
      firstSyncKilobytes: joined.downKilobytes,
      changeMillis: numberOf(read ?? {}, "seen") - numberOf(wrote ?? {}, "edited"),
      changeUpKilobytes: change.upKilobytes
    })
  }
}
