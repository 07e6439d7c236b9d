/** Says so where this device may only read, or was shut out. Role note. */
import { Alert } from "@mantine/core"
import { IconEye, IconLock } from "@tabler/icons-react"
import { useWorkspace } from "@tidemark/react"

export const RoleNote = () => {
  const { role } = useWorkspace().identity
  if (role === "owner" || role === "editor") return null
  const text =
    role === "reader"
      ? "You joined as a reader: you see everything, and changes are made by others."
      : "This device was shut out of the workspace. What is here stays here; nothing new comes or goes."
  return (
    <Alert
      role="note"
      variant="light"
      mb="md"
      icon={role === "reader" ? <IconEye aria-hidden /> : <IconLock aria-hidden />}
    >
      {text}
    </Alert>
  )
}
