/**
 * What was typed and is not on this device's disk: how much, why, what to do, and the words themselves. While there is any,
 * leaving the workspace or the page asks first. Role alert; list "Unsaved changes"; buttons "Try again now" and "Copy".
 */
import { Alert, Button, Group, List, Stack, Text } from "@mantine/core"
import { useClipboard } from "@mantine/hooks"
import { type Unsaved, useUnsaved, useWorkspace } from "@tidemark/react"
import { useBlocker } from "@tanstack/react-router"
import { changeWords } from "./changeWords.ts"

/** More changes than this are counted, not listed; longer ones are cut. All of them are whole in the copy. */
const shownMax = 5
const shownCharactersMax = 140

export const UnsavedBanner = () => {
  const unsaved = useUnsaved()
  return unsaved === undefined ? null : <UnsavedChanges unsaved={unsaved} />
}

const UnsavedChanges = ({ unsaved }: { readonly unsaved: Unsaved }) => {
  const { identity, saveNow } = useWorkspace()
  const clipboard = useClipboard()
  const lines = unsaved.calls.flat().map(changeWords)
  const different = [...new Set(lines)]
  const title = lines.length === 1 ? "1 change is not saved" : `${lines.length} changes are not saved`
  useBlocker({
    // Another screen of the same workspace takes nothing away.
    shouldBlockFn: ({ next }) =>
      !next.pathname.startsWith(`/w/${identity.workspace}`) &&
      !globalThis.confirm(`${title}. If you leave, they are lost. Leave anyway?`),
    enableBeforeUnload: true
  })
  return (
    <Alert role="alert" color="red" variant="light" mb="md" title={`${title} yet`}>
      <Stack gap="xs">
        <Text size="sm">{unsaved.message}</Text>
        <Text size="sm">
          They are kept while this page is open, and saved by themselves as soon as that is possible.
        </Text>
        <List size="sm" spacing={2} aria-label="Unsaved changes">
          {different.slice(0, shownMax).map((line) => (
            <List.Item key={line}>{cut(line)}</List.Item>
          ))}
          {different.length > shownMax && <List.Item>and {different.length - shownMax} more</List.Item>}
        </List>
        <Group gap="xs">
          <Button size="compact-sm" onClick={saveNow}>
            Try again now
          </Button>
          <Button size="compact-sm" variant="default" onClick={() => clipboard.copy(lines.join("\n"))}>
            {clipboard.copied ? "Copied" : "Copy"}
          </Button>
        </Group>
      </Stack>
    </Alert>
  )
}

const cut = (line: string): string =>
  line.length <= shownCharactersMax ? line : `${line.slice(0, shownCharactersMax).trimEnd()} …`
