/**
 * Where the edits of rows are: which rows wait for the server, and the details of one.
 *
 * Each is read again whenever any tab or device changes it. Rules: docs/spec/receipts.md.
 */
import type { RowEdits, RowRef, Whereabouts } from "@tidemark/browser"
import { useObservable } from "dexie-react-hooks"
import { useEffect, useState } from "react"
import { useWorkspace } from "./WorkspaceProvider.tsx"

/** The ids of a table's rows with an edit that is not on the server; undefined until they were read once. */
export const useWaitingRows = (table: string): ReadonlySet<string> | undefined => {
  const { receipts } = useWorkspace()
  return useObservable(() => receipts.waitingRows(table), [receipts, table])
}

/** The edits of one row: which wait, and the last one's place in the log. */
export const useRowReceipt = (table: string, id: string): RowEdits | undefined => {
  const { receipts } = useWorkspace()
  return useObservable(() => receipts.row({ table, id }), [receipts, table, id])
}

/** Where a row's edits are, in full; asked again whenever one of them moves. Undefined until the first answer. */
export const useWhereabouts = ({ id, table }: RowRef): Whereabouts | undefined => {
  const { whereIs } = useWorkspace()
  const moved = useRowReceipt(table, id)
  const [shown, setShown] = useState<Whereabouts>()
  useEffect(() => {
    if (moved === undefined) return undefined
    let isCurrent = true
    // A worker that is just being replaced gives no answer; the next move asks again.
    whereIs({ table, id }).then(
      (answer) => isCurrent && setShown(answer),
      () => undefined
    )
    return () => {
      isCurrent = false
    }
  }, [whereIs, table, id, moved])
  return shown
}
