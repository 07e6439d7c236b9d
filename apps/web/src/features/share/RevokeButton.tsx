/** Ends a permission, after asking. Button with the given label; dialog with buttons "Cancel" and the confirming one. */
import { Button, Group, Modal, Text } from "@mantine/core"
import { useState } from "react"
import { attempt } from "../notices/notices.ts"

export interface RevokeButtonProps {
  readonly label: string
  readonly title: string
  /** What follows from it. */
  readonly what: string
  /** The confirming button's text. */
  readonly confirm: string
  readonly onRevoke: () => Promise<void>
  readonly onRevoked: () => void
}

export const RevokeButton = ({ confirm, label, onRevoke, onRevoked, title, what }: RevokeButtonProps) => {
  const [isAsking, setIsAsking] = useState(false)
  const [isRevoking, setIsRevoking] = useState(false)
  const revoke = async () => {
    setIsRevoking(true)
    const isDone = await attempt("Nothing was revoked", onRevoke())
    setIsRevoking(false)
    setIsAsking(false)
    if (isDone) onRevoked()
  }
  return (
    <>
      <Button variant="subtle" color="red" size="compact-sm" aria-label={label} onClick={() => setIsAsking(true)}>
        {confirm}
      </Button>
      <Modal opened={isAsking} onClose={() => setIsAsking(false)} title={title}>
        <Text size="sm">{what}</Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={() => setIsAsking(false)}>
            Cancel
          </Button>
          <Button color="red" loading={isRevoking} onClick={() => void revoke()}>
            {confirm}
          </Button>
        </Group>
      </Modal>
    </>
  )
}
