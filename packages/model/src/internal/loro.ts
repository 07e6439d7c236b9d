/**
 * What is odd about Loro's JavaScript binding, in one place: it throws strings, panics as `RuntimeError`, and hands out
 * handles that must be freed.
 */
import { isContainer, type LoroMap, type PeerID } from "loro-crdt"
import type { PeerId } from "../Span.ts"

/** Why Loro refused, in words. Loro throws plain strings for bad input and Error objects for its own failures. */
export const loroReason = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)

/** True for a WebAssembly trap: the doc's lock stays taken for ever, so the doc must be dropped. Others go on. */
export const isPanic = (error: unknown): boolean => error instanceof Error && error.name === "RuntimeError"

/** A peer id in Loro's type, which TypeScript cannot see a branded decimal text to be. */
export const loroPeer = (peer: PeerId): PeerID => peer as string as PeerID

/** Frees a WebAssembly handle; a handle of a panicked doc cannot be freed, and that is no news to anyone. */
export const freeQuietly = (handle: { readonly free: () => void }): void => {
  try {
    handle.free()
  } catch {
    // The memory of a panicked doc is lost until the worker is recycled.
  }
}

/** The map under a key, or undefined where there is nothing or something else. The caller frees it. */
export const mapAt = (parent: LoroMap, key: string): LoroMap | undefined => {
  const child: unknown = parent.get(key)
  if (!isContainer(child)) return undefined
  if (child.kind() === "Map") return child as LoroMap
  child.free()
  return undefined
}
