/**
 * Creating and joining a workspace: each is one call to a worker of its own, which ends with it.
 *
 * Rules: docs/spec/browser.md.
 */
import type { WorkspaceId } from "@tidemark/protocol"
import { Effect } from "effect"
import { checkBrowser } from "./BrowserSupport.ts"
import { type SpawnWorker, startWorkerSession } from "./WorkerSession.ts"

interface NewWorkspaceOptions {
  readonly worker: SpawnWorker
  /** The server's scheme, host and port; for a whole link the link's own counts. */
  readonly origin: string
  /** This device's own word for the workspace. */
  readonly name: string
}

const session = (options: NewWorkspaceOptions) =>
  Effect.andThen(
    checkBrowser(globalThis),
    Effect.suspend(() => startWorkerSession({ worker: options.worker, locks: globalThis.navigator.locks }))
  )

/** Makes a workspace on this device; needs no network. Rejects with a typed error and a sentence for the user. */
export const createWorkspace = (options: NewWorkspaceOptions): Promise<WorkspaceId> => {
  const { name, origin } = options
  return Effect.runPromise(
    session(options).pipe(
      Effect.flatMap(({ call }) => call((client) => client.create({ origin, name }))),
      Effect.scoped
    )
  )
}

/**
 * Joins by a link (whole, or the part after `#`); needs the network once. Rejects with a typed error and a sentence for
 * the user: `LinkMalformed`, `JoinFailed`, …
 */
export const joinWorkspace = (options: NewWorkspaceOptions & { readonly link: string }): Promise<WorkspaceId> => {
  const { link, name, origin } = options
  return Effect.runPromise(
    session(options).pipe(
      Effect.flatMap(({ call }) => call((client) => client.join({ link, origin, name }))),
      Effect.scoped
    )
  )
}
