/** Sessions of systems that open a connection for each doc. */
import type { RecordsClient, Session, TextClient } from "../System.ts"

/** What one doc's connection can do. */
export interface Carried {
  readonly flushed: () => Promise<void>
  readonly disconnect: () => void | Promise<void>
  readonly reconnect: () => void | Promise<void>
  readonly close: () => void | Promise<void>
}

/** A doc, and what carries it. */
export interface CarriedDoc<A> {
  readonly client: A
  readonly carried: Carried
}

export const perDocSession = (
  openText: (doc: string) => Promise<CarriedDoc<TextClient>>,
  openRecords?: () => Promise<{ readonly client: RecordsClient; readonly carried: ReadonlyArray<Carried> }>
): Session => {
  const all: Array<Carried> = []
  const each = async (act: (one: Carried) => void | Promise<void>): Promise<void> => {
    await Promise.all(all.map(act))
  }
  const open = async (doc: string): Promise<TextClient> => {
    const { carried, client } = await openText(doc)
    all.push(carried)
    return client
  }
  return {
    create: open,
    open,
    ...(openRecords === undefined
      ? {}
      : {
          records: async () => {
            const { carried, client } = await openRecords()
            all.push(...carried)
            return client
          }
        }),
    flushed: () => each((one) => one.flushed()),
    disconnect: () => each((one) => one.disconnect()),
    reconnect: () => each((one) => one.reconnect()),
    close: () => each((one) => one.close())
  }
}

/** Listeners of changes that came from elsewhere. */
export const makeListeners = () => {
  const listeners: Array<() => void> = []
  return {
    onChange: (listener: () => void) => void listeners.push(listener),
    tell: () => {
      for (const listener of listeners) listener()
    }
  }
}
