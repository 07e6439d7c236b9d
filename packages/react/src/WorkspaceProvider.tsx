/**
 * Opens a workspace for the components below it, and closes it when they go away or another id comes.
 *
 * A worker that dies is replaced beneath the handle; the components notice only a status and, where a call was under
 * way, its rejection.
 */
import { openWorkspace, type WorkspaceHandle } from "@tidemark/browser"
import type { WorkspaceId } from "@tidemark/protocol"
import { createContext, type ReactNode, use, useCallback, useEffect, useState } from "react"
import type { RegisteredSchema } from "./Register.ts"
import { useTidemark } from "./TidemarkProvider.tsx"

export interface WorkspaceProviderProps {
  readonly id: WorkspaceId
  /** Shown while the workspace opens. */
  readonly opening?: ReactNode
  /** Shown when it cannot be opened: the error's `message` is a sentence for the user; `retry` tries again. */
  readonly failed?: (error: Error, retry: () => void) => ReactNode
  readonly children: ReactNode
}

type Opening =
  | { readonly _tag: "Opening" }
  | { readonly _tag: "Open"; readonly handle: WorkspaceHandle }
  | { readonly _tag: "Failed"; readonly error: Error }

const WorkspaceContext = createContext<WorkspaceHandle | undefined>(undefined)

export const WorkspaceProvider = (props: WorkspaceProviderProps): ReactNode => {
  const [attempt, setAttempt] = useState(0)
  const retry = useCallback(() => setAttempt((count) => count + 1), [])
  // A key of its own: another workspace, or another attempt, begins with nothing of the last one.
  return <OpenedWorkspace key={`${props.id} ${attempt}`} {...props} retry={retry} />
}

const OpenedWorkspace = ({
  children,
  failed,
  id,
  opening,
  retry
}: WorkspaceProviderProps & { readonly retry: () => void }): ReactNode => {
  const { schema, worker } = useTidemark()
  const [state, setState] = useState<Opening>({ _tag: "Opening" })

  useEffect(() => {
    let isCurrent = true
    const show = (next: Opening): void => {
      if (isCurrent) setState(next)
    }
    const opened = openWorkspace({ schema, worker, id })
    opened.then(
      (handle) => show({ _tag: "Open", handle }),
      (error: unknown) => show({ _tag: "Failed", error: toError(error) })
    )
    return () => {
      isCurrent = false
      // A handle that never opened has nothing to close; its failure was shown above, or nobody is left to see it.
      opened.then((handle) => handle.close()).catch(() => undefined)
    }
  }, [schema, worker, id])

  switch (state._tag) {
    case "Opening":
      return opening
    case "Open":
      return <WorkspaceContext value={state.handle}>{children}</WorkspaceContext>
    case "Failed":
      // Without a view for it, the nearest error boundary shows the error.
      if (failed === undefined) throw state.error
      return failed(state.error, retry)
  }
}

/** The open workspace. Throws outside a `WorkspaceProvider`, a mistake of the app's author. */
export const useWorkspace = (): WorkspaceHandle<RegisteredSchema> => {
  const handle = use(WorkspaceContext)
  if (handle === undefined) throw new Error("This component uses a workspace outside a <WorkspaceProvider>.")
  // The provider opened it with the schema given to TidemarkProvider, the one the app registers.
  return handle as WorkspaceHandle<RegisteredSchema>
}

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
