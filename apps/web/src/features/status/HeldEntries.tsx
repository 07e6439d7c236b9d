/** Why entries are held, one line each reason. Read from this device when it is shown. */
import { List, Text } from "@mantine/core"
import { type HeldShown, useWorkspace } from "@tidemark/react"
import { useEffect, useState } from "react"
import { sentenceOf } from "../notices/notices.ts"

/** More reasons than this are counted, not listed. */
const reasonsShownMax = 5

export const HeldEntries = () => {
  const { held } = useWorkspace()
  const [entries, setEntries] = useState<ReadonlyArray<HeldShown>>([])
  const [fault, setFault] = useState<string>()
  useEffect(() => {
    let isCurrent = true
    held().then(
      (next) => isCurrent && setEntries(next),
      (error: unknown) => isCurrent && setFault(sentenceOf(error))
    )
    return () => {
      isCurrent = false
    }
  }, [held])
  const reasons = [...new Set(entries.map(({ message }) => message))]
  if (fault !== undefined) return <Text size="xs">{fault}</Text>
  return (
    <List size="xs" spacing={2} aria-label="Held entries">
      {reasons.slice(0, reasonsShownMax).map((reason) => (
        <List.Item key={reason}>{reason}</List.Item>
      ))}
      {reasons.length > reasonsShownMax && <List.Item>and {reasons.length - reasonsShownMax} more reasons</List.Item>}
    </List>
  )
}
