/**
 * What a screen shows when rendering it failed. Everything stored is safe, so trying again is the first thing to offer.
 * Roles: main, heading "This page could not be shown", buttons "Try again" and "Reload".
 */
import { Button, Code, Group, Text } from "@mantine/core"
import type { ErrorComponentProps } from "@tanstack/react-router"
import { FullMessage } from "./FullMessage.tsx"

export const ErrorScreen = ({ error, reset }: ErrorComponentProps) => (
  <FullMessage
    title="This page could not be shown"
    actions={
      <Group>
        <Button onClick={reset}>Try again</Button>
        <Button variant="default" onClick={() => globalThis.location.reload()}>
          Reload
        </Button>
      </Group>
    }
  >
    <Text mb="sm">Everything you wrote is kept on this device. What went wrong:</Text>
    <Code block>{error instanceof Error ? error.message : String(error)}</Code>
  </FullMessage>
)
