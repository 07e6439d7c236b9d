/** What the harness asks of a system under test: a server it can start, and clients that edit texts and records through it. */
import type { BenchRecord } from "./BenchRecord.ts"
import type { Splice } from "./Splice.ts"

/** One text on one client. */
export interface TextClient {
  readonly text: () => string
  /** The length in UTF-16 units, without building the text where the system can. */
  readonly length: () => number
  /** One commit, sent as the system sends it. A promise: when the system has it locally; workloads wait for that. */
  readonly edit: (splices: ReadonlyArray<Splice>) => void | Promise<void>
  /** Called after a change that came from elsewhere. */
  readonly onChange: (listener: () => void) => void
}

/** The records of a workspace on one client. */
export interface RecordsClient {
  /** Creates them in one commit. */
  readonly create: (records: ReadonlyArray<BenchRecord>) => void | Promise<void>
  /** Gives the record of this number another title. */
  readonly retitle: (number: number, title: string) => void | Promise<void>
  readonly count: () => number
  readonly titleOf: (number: number) => string | undefined
  /** All of them, in any order. */
  readonly all: () => Iterable<BenchRecord>
  /** Called after a change that came from elsewhere. */
  readonly onChange: (listener: () => void) => void
}

/** One device: one store where the system's clients have one, and as few connections as the system can do with. */
export interface Session {
  /** A text that no other client has yet; the server need not be asked. */
  readonly create: (doc: string) => Promise<TextClient>
  /** Resolves when what the server has of it is here. */
  readonly open: (doc: string) => Promise<TextClient>
  /**
   * Resolves when what the server has of the records is here; with `isNew` no client has any yet, and the server need not be asked.
   * Without it the system does not take part in W8.
   */
  readonly records?: (isNew: boolean) => Promise<RecordsClient>
  /** Resolves when every edit so far is where the client keeps its own. Absent where that is so when `edit` is done. */
  readonly stored?: () => Promise<void>
  /** Resolves when the system says that everything of this session has arrived, in the strongest words it has. */
  readonly flushed: () => Promise<void>
  /** Resolves when the client has nothing of its own left to tidy up, such as a checkpoint to make or to judge. Not timed. */
  readonly rested?: () => Promise<void>
  /** Stops talking to the server; edits go on. `reconnect` begins again and sends what was made meanwhile. */
  readonly disconnect: () => void | Promise<void>
  readonly reconnect: () => void | Promise<void>
  readonly close: () => Promise<void>
  /** The file of the client's durable store, where it has one. */
  readonly storeFile?: string
}

/** Where a session lives. */
export interface Place {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** A folder of its own, for the client's store. */
  readonly folder: string
  /** What `prepare` gave: how a device comes in. Without one the session begins something of its own (W9). */
  readonly invitation?: string
}

/** Workspaces that are ready to push entries of 100 characters each (W9). */
export interface Pushers {
  /** Pushes everything; resolves with the number of entries that the server has acknowledged. */
  readonly push: () => Promise<number>
  /** Reads all of it from the server, as somebody new; throws where it is not what was pushed. Not timed. */
  readonly readBack: () => Promise<void>
  readonly close: () => Promise<void>
}

/** The module of a system's clients exports one of these as `clients`. */
export interface SystemClients {
  /** Run once after each start of a fresh server, in a process of its own; what it gives is the others' `invitation`. */
  readonly prepare?: (place: Place) => Promise<string>
  readonly connect: (place: Place) => Promise<Session>
  /**
   * W7: that many clients, each of which watches one doc (in turn) and does nothing. Resolves, when all are served, with what
   * closes them. Without it, each is a `connect` and an `open`. Only the server is measured, so a system may speak its protocol here
   * without the rest of its client.
   */
  readonly idle?: (place: Place, docs: ReadonlyArray<string>, count: number) => Promise<() => Promise<void>>
  /**
   * W9: `count` workspaces with `entriesEach` entries waiting. Without it, each is a session with a text of its own that makes an
   * edit, waits until it is flushed, and makes the next.
   */
  readonly pushers?: (place: Place, count: number, entriesEach: number) => Promise<Pushers>
}

/** What stands behind a server, such as a database of its own. The module exports `start` that gives one. */
export interface Backing {
  /** More of the server's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Processor time of its processes since they started, counted with the server's. */
  readonly cpuMillis: () => number
  /** Resident memory of its processes in bytes, without what they share. */
  readonly memoryBytes: () => number
  readonly stop: () => Promise<void>
}

/** A system, by the name it has in the results. */
export interface System {
  readonly name: string
  readonly kind: "floor" | "peer" | "tidemark"
  /** The packages whose versions are reported. */
  readonly packages: ReadonlyArray<string>
  /** What is durable when an edit has been forwarded, in words. */
  readonly durability: string
  /** Settings and what a reader of the figures must know. */
  readonly note?: string
  /** The program of its server, in `src/systems`; listens on `PORT` and keeps everything in `FOLDER`. */
  readonly server: string
  /** More of the server's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** The module of its `Backing`, in `src/systems`: `start(folder)`, once for each run. */
  readonly backing?: string
  /** The module of its clients, in `src/systems`. */
  readonly clients: string
  /** Its clients come in by an invitation, which its `prepare` makes first. */
  readonly isInvited?: true
  /** Clients without a durable store are refused. */
  readonly isDurableOnClients?: true
  /** Why W7 stops at 1,000 clients. */
  readonly fewIdleBecause?: string
  /** Workloads it takes no part in, and why. */
  readonly leavesOut?: Readonly<Record<string, string>>
}
