/** What one client process of a workload does. */
import type { Place, Session, SystemClients, TextClient } from "./System.ts"

export interface RoleContext {
  readonly clients: SystemClients
  /** A place for one more device of this process, with a folder of its own. */
  readonly place: () => Place
  /** One more device: `clients.connect(place())`, with the store checked where the system has durable clients. */
  readonly connect: () => Promise<Session>
  /** A device that begins something of its own, with no invitation. */
  readonly connectAlone: () => Promise<Session>
  readonly parameters: Readonly<Record<string, unknown>>
  /** Says that this process has come so far, and waits until the harness lets everybody go on. */
  readonly barrier: (name: string) => Promise<void>
}

/** Times are `now()`: comparable between processes. */
export type Role = (context: RoleContext) => Promise<Readonly<Record<string, unknown>>>

/** Milliseconds of the machine's monotonic clock. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Runs what waits for the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Resolves with the moment at which it is so; asks again after each change. */
export const until = async (watched: Pick<TextClient, "onChange">, isSo: () => boolean): Promise<number> => {
  if (!isSo()) {
    await new Promise<void>((resolve) => {
      watched.onChange(() => {
        if (isSo()) resolve()
      })
    })
  }
  return now()
}

/** A number that a parameter holds. */
export const numberOf = (parameters: RoleContext["parameters"], name: string): number => {
  const value = parameters[name]
  if (typeof value !== "number") throw new Error(`a role misses its parameter ${name}`)
  return value
}

/** Runs the work for 0 … count - 1, so many at a time; the results in order. */
export const inTurns = async <A>(count: number, atOnce: number, work: (index: number) => Promise<A>) => {
  const results: Array<A> = []
  let next = 0
  const one = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one))
  return results
}
