/**
 * Rows of the open workspace, read with Dexie's query language and read again whenever any tab or device changes them.
 *
 * ```ts
 * const open = useRows((tables) => tables.tasks.where("[archivedAt+done]").equals([0, 0]).toArray())
 * const task = useRows((tables) => tables.tasks.get(id), [id])
 * ```
 */
import type { ReadonlyTables } from "@tidemark/browser"
import { useLiveQuery } from "dexie-react-hooks"
import type { RegisteredSchema } from "./Register.ts"
import { useWorkspace } from "./WorkspaceProvider.tsx"

/**
 * What `query` resolves to; undefined until it has run once. Give in `deps` every value the query closes over. A query
 * that fails throws to the nearest error boundary.
 */
export const useRows = <A>(
  query: (tables: ReadonlyTables<RegisteredSchema>) => Promise<A> | A,
  deps: ReadonlyArray<unknown> = []
): A | undefined => {
  const { tables } = useWorkspace()
  return useLiveQuery(() => query(tables), [tables, ...deps])
}
