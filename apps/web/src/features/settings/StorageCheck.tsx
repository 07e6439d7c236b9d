/**
 * Looks at everything stored on this device and says what it found. Button "Check my data"; status while it runs; region
 * "Report of the check".
 */
import { Alert, Button, List, Loader, Group, Stack, Text } from "@mantine/core"
import { type CheckReport, type CheckStep, useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { showFailure } from "../notices/notices.ts"
import classes from "./SettingsScreen.module.css"
import { progressWords, reportWords, type ReportWords } from "./checkWords.ts"

const colors: Readonly<Record<ReportWords["tone"], string>> = {
  whole: "tide",
  healed: "tide",
  waiting: "yellow",
  lost: "red"
}

export const StorageCheck = () => {
  const { check } = useWorkspace()
  const [progress, setProgress] = useState<CheckStep>()
  const [report, setReport] = useState<CheckReport>()
  const isRunning = progress !== undefined
  const run = async () => {
    setReport(undefined)
    setProgress({ _tag: "Checking", what: "records", done: 0 })
    try {
      setReport(await check(setProgress))
    } catch (error) {
      showFailure("The check could not be finished", error)
    } finally {
      setProgress(undefined)
    }
  }
  return (
    <Stack gap="sm" align="flex-start">
      <Text size="sm" c="dimmed">
        Reads everything of this workspace on this device, repairs what is damaged, and says what it found. You can go
        on working meanwhile.
      </Text>
      <Button variant="light" disabled={isRunning} onClick={() => void run()}>
        Check my data
      </Button>
      {progress?._tag === "Checking" && (
        <Group gap="xs" wrap="nowrap">
          <Loader size="xs" aria-hidden />
          <Text component="output" size="sm">
            {progressWords(progress)}
          </Text>
        </Group>
      )}
      {report !== undefined && <Report words={reportWords(report)} />}
    </Stack>
  )
}

const Report = ({ words: { lines, sentence, title, tone, wayOut } }: { readonly words: ReportWords }) => (
  <section aria-label="Report of the check" data-tone={tone} className={classes["report"]}>
    <Alert role="note" color={colors[tone]} title={title} variant="light">
      <Stack gap="xs">
        <Text size="sm">{sentence}</Text>
        {lines.length > 0 && (
          <List size="sm" spacing={4}>
            {lines.map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
        )}
        {wayOut !== undefined && <Text size="sm">{wayOut}</Text>}
      </Stack>
    </Alert>
  </section>
)
