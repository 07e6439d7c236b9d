/**
 * Tells the components below it the app's schema and how to start its worker. One for the whole app.
 *
 * ```tsx
 * const worker = () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
 * <TidemarkProvider schema={Notes} worker={worker}>…</TidemarkProvider>
 * ```
 */
import type { Workspace } from "@tidemark/model"
import { createContext, type ReactNode, use, useMemo } from "react"

/** What the app gives. Both stay the same for its whole life. */
export interface TidemarkConfig {
  readonly schema: Workspace
  /** Starts a worker whose file calls `runWorker(schema)`. Called again when a worker died. */
  readonly worker: () => Worker
}

const TidemarkContext = createContext<TidemarkConfig | undefined>(undefined)

export const TidemarkProvider = ({
  children,
  schema,
  worker
}: TidemarkConfig & { readonly children: ReactNode }): ReactNode => {
  const config = useMemo(() => ({ schema, worker }), [schema, worker])
  return <TidemarkContext value={config}>{children}</TidemarkContext>
}

/** The app's configuration. Throws outside a `TidemarkProvider`, a mistake of the app's author. */
export const useTidemark = (): TidemarkConfig => {
  const config = use(TidemarkContext)
  if (config === undefined) throw new Error("This component uses Tidemark outside a <TidemarkProvider>.")
  return config
}
