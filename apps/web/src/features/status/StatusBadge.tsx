/**
 * Where this device's edits stand: a badge with words, and behind it the details. Button "Sync status: …"; inside, the
 * last confirmation, held entries, and button "Sync now".
 */
import { Button, Group, Popover, Progress, Stack, Text, UnstyledButton } from "@mantine/core"
import { useSyncStatus, useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { attempt } from "../notices/notices.ts"
import { HeldEntries } from "./HeldEntries.tsx"
import { StatusIcon } from "./StatusIcon.tsx"
import { heldWords, sendingWords, statusWords } from "./statusWords.ts"
import { useTimeAgo } from "./useTimeAgo.ts"
import classes from "./StatusBadge.module.css"

export const StatusBadge = () => {
  const status = useSyncStatus()
  const { syncNow } = useWorkspace()
  const [isOpen, setIsOpen] = useState(false)
  const { label, progress, sentence, tone, wayOut } = statusWords(status)
  const held = heldWords(status)
  const sent = sendingWords(status)
  const lastReceipt = useTimeAgo(status.lastReceiptAt)
  return (
    <Popover
      opened={isOpen}
      onChange={setIsOpen}
      width={300}
      position="bottom-start"
      withinPortal
      shadow="md"
      trapFocus
    >
      <Popover.Target>
        <UnstyledButton
          className={classes["badge"] ?? ""}
          data-tone={tone}
          data-status={status._tag}
          data-pending={status.pending}
          aria-label={`Sync status: ${label}${held.length > 0 ? ", some entries are held" : ""}`}
          onClick={() => setIsOpen(!isOpen)}
        >
          <StatusIcon tone={tone} />
          <span className={classes["label"]}>{label}</span>
          {held.length > 0 && <span className={classes["held"]} aria-hidden />}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Text fw={600}>{label}</Text>
          <Text size="sm">{sentence}</Text>
          {progress !== undefined && (
            <Progress value={progress * 100} size="sm" aria-label="Entries that have arrived" />
          )}
          {status.sending !== undefined && (
            <>
              <Text size="sm">{sent}</Text>
              <Progress
                value={(status.sending.done / status.sending.total) * 100}
                size="sm"
                aria-label="Changes that were sent"
              />
            </>
          )}
          {wayOut !== undefined && (
            <Text size="sm" c="dimmed">
              {wayOut}
            </Text>
          )}
          {held.map((line) => (
            <Text key={line} size="sm" c="var(--tide-sand)">
              {line}
            </Text>
          ))}
          {isOpen && status.heldRefused + status.heldTooNew > 0 && (
            // Read anew when there are more or fewer.
            <HeldEntries key={`${status.heldRefused}/${status.heldTooNew}`} />
          )}
          {lastReceipt !== undefined && (
            <Text size="xs" c="dimmed">
              Last confirmed by the server {lastReceipt}.
            </Text>
          )}
          <Group>
            <Button
              size="compact-sm"
              variant="light"
              onClick={() => void attempt("Syncing could not be started", syncNow())}
            >
              Sync now
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
