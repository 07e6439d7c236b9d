/**
 * Offers a newer version of the app, quietly. Buttons "Reload now" and "Later".
 */
import { Button, Group, Paper, Text } from "@mantine/core"
import { useState, useSyncExternalStore } from "react"
import { appVersion, subscribeToAppVersion, takeNewVersion } from "./serviceWorker.ts"
import classes from "./UpdateNotice.module.css"

export const UpdateNotice = () => {
  const version = useSyncExternalStore(subscribeToAppVersion, appVersion)
  const [isLater, setIsLater] = useState(false)
  if (version === "current" || isLater) return null
  return (
    <Paper className={classes["notice"] ?? ""} aria-live="polite" withBorder shadow="md" p="sm">
      <Text size="sm">
        {version === "waiting"
          ? "A new version of the app is ready."
          : "Another tab took a new version. This one still runs the old one."}
      </Text>
      <Group gap="xs" mt="xs">
        <Button size="compact-sm" onClick={takeNewVersion}>
          Reload now
        </Button>
        <Button size="compact-sm" variant="subtle" onClick={() => setIsLater(true)}>
          Later
        </Button>
      </Group>
    </Paper>
  )
}
