/** What one client process of a workload does. */
import type { SystemClients } from "./System.ts"

export interface RoleContext {
  readonly clients: SystemClients
  readonly url: string
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
