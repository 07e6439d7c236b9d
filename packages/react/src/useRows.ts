/**
 * Rows of the open workspace, read with Dexie's query language and read again whenever any tab or device changes them.
 *
 * ```ts
 * const open = useRows((tables) => tables.tasks.where("[archivedAt+done]").equals([0, 0]).toArray())
 * const task = useRows((tables) => tables.tasks.get(id), [id])
 * ```
 */
import type { ReadonlyTables } from "@tidemark/browser"
import { useObservable } from "dexie-react-hooks"
import type { RegisteredSchema } from "./Register.ts"
import { useWorkspace } from "./WorkspaceProvider.tsx"

/**
 * What `query` resolves to; undefined until it has run once. Give in `deps` every value the query closes over. While the
 * database is lost it stays what it was. A query that fails for another reason throws to the nearest error boundary.
 */
export const useRows = <A>(
  query: (tables: ReadonlyTables<RegisteredSchema>) => Promise<A> | A,
  deps: ReadonlyArray<unknown> = []
): A | undefined => {
  const { watch } = useWorkspace()
  return useObservable(() => watch(query), [watch, ...deps])
}
