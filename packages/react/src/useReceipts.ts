/**
 * Where the edits of rows are: which rows wait for the server, and the details of one.
 *
 * Each is read again whenever any tab or device changes it. Rules: docs/spec/receipts.md.
 */
import type { DeviceProgress, RowEdits, Whereabouts } from "@tidemark/browser"
import { useObservable } from "dexie-react-hooks"
import { useCallback, useEffect, useMemo, useState } from "react"
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

/** Where a row's edits are, in full; asked again whenever one of them, or a device, moves. Undefined until the first answer. */
export const useWhereabouts = (table: string, id: string): Whereabouts | undefined => {
  const { whereIs } = useWorkspace()
  const edits = useRowReceipt(table, id)
  const devices = useDevicesMoved()
  return useAnswer(
    useCallback(() => whereIs({ table, id }), [whereIs, table, id]),
    useMemo(() => ({ edits, devices }), [edits, devices])
  )
}

/** How far each device has come, by its own word, this one first; undefined until the first answer. */
export const useDevices = (): ReadonlyArray<DeviceProgress> | undefined => {
  const { devices } = useWorkspace()
  return useAnswer(devices, useDevicesMoved())
}

const useDevicesMoved = (): object | undefined => {
  const { receipts } = useWorkspace()
  return useObservable(() => receipts.devicesMoved, [receipts])
}

/** The answer to a question to the worker, asked again whenever `moved` is another object. */
const useAnswer = <A>(ask: () => Promise<A>, moved: object | undefined): A | undefined => {
  const [shown, setShown] = useState<A>()
  useEffect(() => {
    if (moved === undefined) return undefined
    let isCurrent = true
    // A worker that is just being replaced gives no answer; the next move asks again.
    ask().then(
      (answer) => isCurrent && setShown(answer),
      () => undefined
    )
    return () => {
      isCurrent = false
    }
  }, [ask, moved])
  return shown
}
