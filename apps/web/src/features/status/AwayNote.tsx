/** Says so where this device has had no contact with the server for a week or more. Role note. */
import { Alert } from "@mantine/core"
import { IconCloudOff } from "@tabler/icons-react"
import { useSyncStatus } from "@tidemark/react"
import { awayWords } from "./statusWords.ts"

export const AwayNote = () => {
  const words = awayWords(useSyncStatus())
  if (words === undefined) return null
  return (
    <Alert role="note" variant="light" mb="md" icon={<IconCloudOff aria-hidden />}>
      {words}
    </Alert>
  )
}
