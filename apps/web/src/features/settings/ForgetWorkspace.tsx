/**
 * Removes the workspace from this device, after asking; says how much would be lost. Button "Remove from this device";
 * dialog with checkbox (where something would be lost) and button "Remove".
 */
import { Alert, Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core"
import { useSyncStatus, useWorkspace, useWorkspaceActions } from "@tidemark/react"
import { useNavigate } from "@tanstack/react-router"
import { useState } from "react"
import { attempt, showDone } from "../notices/notices.ts"

export const ForgetWorkspace = () => {
  const { close, identity } = useWorkspace()
  const { forget } = useWorkspaceActions()
  const { pending, refused } = useSyncStatus()
  const navigate = useNavigate()
  const [isAsking, setIsAsking] = useState(false)
  const [isSure, setIsSure] = useState(false)
  const unsentCount = pending + refused
  const remove = async () => {
    await close()
    if (!(await attempt("The workspace was not removed", forget(identity.workspace)))) return
    showDone(`Removed “${identity.name}” from this device`)
    await navigate({ to: "/", replace: true })
  }
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">
        The workspace leaves this device; other devices and the server keep it. To come back you need a link.
      </Text>
      <Button variant="light" color="red" onClick={() => setIsAsking(true)}>
        Remove from this device
      </Button>
      <Modal opened={isAsking} onClose={() => setIsAsking(false)} title={`Remove “${identity.name}”?`}>
        <Stack gap="md">
          <Text size="sm">
            Everything of this workspace on this device is deleted. If no other device of yours is in it, make a link
            first: without one, nobody can come back in.
          </Text>
          {unsentCount > 0 && (
            <Alert
              color="red"
              role="alert"
              title={unsentCount === 1 ? "1 change is lost" : `${unsentCount} changes are lost`}
            >
              <Checkbox
                label="Delete what only this device has"
                checked={isSure}
                onChange={(event) => setIsSure(event.currentTarget.checked)}
              />
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setIsAsking(false)}>
              Cancel
            </Button>
            <Button color="red" disabled={unsentCount > 0 && !isSure} onClick={() => void remove()}>
              Remove
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
