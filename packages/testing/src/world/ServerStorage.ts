/**
 * What the World's server keeps over its deaths, and a look at it from outside: memory, or an SQLite file.
 *
 * The look sees what is durable and nothing else: for SQLite it is another connection, which sees commits alone. A disk
 * can be copied, and another can take its place: an empty one, an older copy, that of another server.
 */
import type { Layer, Redacted } from "effect"
import type { Primitives } from "@tidemark/crypto"
import type { DeviceId, DeviceSeq, Hash, LogId, Seq, WorkspaceId } from "@tidemark/protocol"
import type { SyncService } from "@tidemark/server"

/** An entry that is on the server's disk. */
export interface DurableEntry {
  readonly seq: Seq
  readonly device: DeviceId
  readonly deviceSeq: DeviceSeq
  readonly hash: Hash
  /** Undefined where a checkpoint has replaced it and the grace is over. */
  readonly bytes: Uint8Array | undefined
  /** A checkpoint is given in its place, though it may have its bytes still. */
  readonly isReplaced: boolean
}

/** Signs the server's tokens; a part of what it keeps. */
export type ServerSecret = Redacted.Redacted<Uint8Array>

/** A disk as it was at some moment, the secret included; it stays as it is. */
export interface DiskCopy {
  /** Puts this content in the place of what is there. */
  readonly putBack: () => void
}

export interface ServerStorage {
  /** What a workspace may hold, for lives that begin from now on. */
  quotaBytes: number
  /** The services of one life of the server, over what the disk holds when that life begins. */
  readonly layer: Layer.Layer<SyncService, unknown>
  /** The log from Seq 1. */
  readonly entries: (workspace: WorkspaceId) => ReadonlyArray<DurableEntry>
  /** The entry under a Seq, without reading the others. */
  readonly entryAt: (
    workspace: WorkspaceId,
    seq: Seq
  ) => Pick<DurableEntry, "device" | "deviceSeq" | "hash"> | undefined
  /** Whether the server stores an entry of this device under this number. */
  readonly has: (workspace: WorkspaceId, device: DeviceId, deviceSeq: DeviceSeq) => boolean
  /** The log's id and its last position; undefined for an unknown workspace. */
  readonly logOf: (
    workspace: WorkspaceId
  ) => { readonly id: LogId; readonly end: { readonly seq: Seq; readonly chain: Hash } } | undefined
  /** The roster's statements, `found` first. */
  readonly statements: (workspace: WorkspaceId) => ReadonlyArray<Uint8Array>
  /** A copy of everything: head rows, entries, statements, what was stored by whom. */
  readonly copy: () => DiskCopy
  /** An empty disk in the place of this one; its secret is the same, or the one given. No server may run. */
  readonly wipe: (secret?: ServerSecret) => void
  /** Removes what only this run needed. */
  readonly dispose: () => void
}

export interface StorageOptions {
  readonly secret: ServerSecret
  readonly primitives: Layer.Layer<Primitives>
}

/** A World lasts for hours, not for weeks. */
export const checkpointGraceMillis = 600_000

/** Far above what a World sends. */
export const quotaBytesMax = 1_073_741_824

/** Far above what a World sends: its time stands still while messages run. */
export const requestsPerSecondMax = 1_000_000
