/** Records in Loro docs of 2,000 each: one doc with 100,000 would take a minute to import. */
import { LoroMap } from "loro-crdt"
import type { BenchRecord } from "../BenchRecord.ts"
import type { RecordsClient } from "../System.ts"
import type { LoroCommits } from "./loroText.ts"
import type { Carried, CarriedDoc } from "./perDocSession.ts"

const recordsPerDoc = 2_000
const docCount = 50

const recordIn = (map: LoroMap, number: number): BenchRecord => ({
  number,
  title: String(map.get("title")),
  done: map.get("done") === true,
  due: Number(map.get("due")),
  note: String(map.get("note"))
})

export const loroRecords = async (openDoc: (name: string) => Promise<CarriedDoc<LoroCommits>>) => {
  const opened = await Promise.all(Array.from({ length: docCount }, (_, index) => openDoc(`records-${index}`)))
  const shards = opened.map(({ client }) => ({ ...client, map: client.doc.getMap("records") }))
  const shardOf = (number: number) => shards[Math.floor(number / recordsPerDoc)]
  const mapOf = (number: number): LoroMap | undefined => {
    const found = shardOf(number)?.map.get(String(number))
    return found instanceof LoroMap ? found : undefined
  }
  const client: RecordsClient = {
    create: (records) => {
      const shard = shardOf(records[0]?.number ?? 0)
      shard?.commit(() => {
        for (const { number, ...fields } of records) {
          const map = shard.map.setContainer(String(number), new LoroMap())
          for (const [name, value] of Object.entries(fields)) map.set(name, value)
        }
      })
    },
    retitle: (number, title) => shardOf(number)?.commit(() => mapOf(number)?.set("title", title)),
    count: () => shards.reduce((sum, { map }) => sum + map.size, 0),
    titleOf: (number) => {
      const map = mapOf(number)
      return map === undefined ? undefined : String(map.get("title"))
    },
    all: () =>
      shards.flatMap(({ map }) =>
        map.keys().flatMap((key) => {
          const found = map.get(key)
          return found instanceof LoroMap ? [recordIn(found, Number(key))] : []
        })
      ),
    onChange: (listener) => {
      for (const { onChange } of shards) onChange(listener)
    }
  }
  const carried: ReadonlyArray<Carried> = opened.map((one) => one.carried)
  return { client, carried }
}
