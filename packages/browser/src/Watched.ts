/**
 * A value that changes, in the shape `useSyncExternalStore` takes, and the cell behind it.
 */

export interface Watched<A> {
  readonly current: () => A
  /** Calls the listener after each change, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void
}

export interface WatchedCell<A> extends Watched<A> {
  readonly set: (value: A) => void
}

/** A listener that throws does not keep the others from being told; its error is reported as an uncaught one. */
export const watchedCell = <A>(initial: A): WatchedCell<A> => {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    current: () => value,
    set: (next) => {
      value = next
      for (const listener of [...listeners]) {
        try {
          listener()
        } catch (error) {
          globalThis.reportError(error)
        }
      }
    },
    subscribe: (listener) => {
      // A wrapper, so that the same function subscribed twice is called twice and removed once.
      const own = () => listener()
      listeners.add(own)
      return () => {
        listeners.delete(own)
      }
    }
  }
}
