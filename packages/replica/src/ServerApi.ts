/**
 * The server's routes as one port, so that HTTP and the World's simulated network are the same to a replica.
 *
 * Methods take the token to use; getting and renewing tokens is `RemoteSession`'s work. Nothing is retried here.
 */
import { Context, type Effect, type Stream } from "effect"
import type {
  CheckpointNaming,
  CheckpointVerdict,
  DocTailSize,
  AccessList,
  Cursor,
  DeviceCursors,
  DeviceId,
  DocId,
  DocPage,
  Forbidden,
  Founding,
  LogForked,
  LogHead,
  LogId,
  Malformed,
  Page,
  Proof,
  OpenCheckpoint,
  PushAnswer,
  QuotaFull,
  RateLimited,
  RefillAnswer,
  RosterMoved,
  RosterNumber,
  RosterPage,
  Seq,
  SignedCursor,
  StatementRefused,
  StatementText,
  StorageFailed,
  TokenAnswer,
  TooLarge,
  Unauthorized,
  VersionUnsupported,
  WorkspaceId,
  WorkspaceUnknown
} from "@tidemark/protocol"
import type { LiveEvent, Unreachable } from "@tidemark/sync"

/** What any route can fail with: the protocol's errors, or no usable answer at all. */
export type ServerError =
  | Unreachable
  | Unauthorized
  | Forbidden
  | WorkspaceUnknown
  | LogForked
  | RosterMoved
  | TooLarge
  | StatementRefused
  | VersionUnsupported
  | RateLimited
  | StorageFailed
  | QuotaFull
  | Malformed

/** Which workspace, and with which token; and whose it is, where that is a device and not a link. */
export interface Session {
  readonly workspace: WorkspaceId
  readonly token: string
  readonly device?: DeviceId
}

/** How far one doc's entries are known, of which log. */
export interface DocFrom {
  readonly doc: DocId
  readonly logId: LogId
  readonly after: Seq
}

export class ServerApi extends Context.Service<
  ServerApi,
  {
    /** A fresh challenge to sign. */
    readonly challenge: Effect.Effect<string, ServerError>
    /** Founds the workspace from its roster, or extends the server's. */
    readonly found: (
      request: Founding
    ) => Effect.Effect<TokenAnswer & { readonly workspace: WorkspaceId; readonly logId: LogId }, ServerError>
    readonly renew: (request: {
      readonly workspace: WorkspaceId
      readonly device: DeviceId
      readonly proof: Proof
    }) => Effect.Effect<TokenAnswer, ServerError>
    readonly grant: (
      session: Session,
      statement: StatementText
    ) => Effect.Effect<{ readonly accessToken: string; readonly number: RosterNumber }, ServerError>
    readonly admit: (
      session: Session,
      statement: StatementText,
      proof: Proof
    ) => Effect.Effect<TokenAnswer & { readonly number: RosterNumber }, ServerError>
    readonly revoke: (
      session: Session,
      statement: StatementText
    ) => Effect.Effect<{ readonly number: RosterNumber }, ServerError>
    readonly roster: (session: Session, after: RosterNumber) => Effect.Effect<RosterPage, ServerError>
    readonly list: (session: Session) => Effect.Effect<AccessList, ServerError>
    readonly head: (session: Session) => Effect.Effect<LogHead, ServerError>
    readonly push: (session: Session, entries: ReadonlyArray<Uint8Array>) => Effect.Effect<PushAnswer, ServerError>
    readonly pull: (session: Session, after: Cursor | undefined, bytesMax: number) => Effect.Effect<Page, ServerError>
    /** The entries of one doc after a place of this log. */
    readonly doc: (session: Session, from: DocFrom, bytesMax: number) => Effect.Effect<DocPage, ServerError>
    /** Leases the right to refill the log, or gives it back. */
    readonly refill: (session: Session, done: boolean) => Effect.Effect<RefillAnswer, ServerError>
    readonly tail: (session: Session, doc: DocId) => Effect.Effect<DocTailSize, ServerError>
    readonly checkpoints: (session: Session) => Effect.Effect<ReadonlyArray<OpenCheckpoint>, ServerError>
    readonly nameCheckpoint: (
      session: Session,
      naming: CheckpointNaming
    ) => Effect.Effect<{ readonly named: boolean }, ServerError>
    readonly judgeCheckpoint: (session: Session, verdict: CheckpointVerdict) => Effect.Effect<void, ServerError>
    readonly report: (session: Session, signed: SignedCursor) => Effect.Effect<void, ServerError>
    readonly cursors: (session: Session) => Effect.Effect<DeviceCursors, ServerError>
    readonly live: (session: Session) => Stream.Stream<LiveEvent, ServerError>
  }
>()("@tidemark/replica/ServerApi") {}
