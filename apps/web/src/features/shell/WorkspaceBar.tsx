/** The workspace's name, the way back to all of them, and the status. Role banner; link "All workspaces". */
import { ActionIcon, Group, Text } from "@mantine/core"
import { IconChevronLeft } from "@tabler/icons-react"
import { useWorkspace } from "@tidemark/react"
import { Link } from "@tanstack/react-router"
import { useEffect } from "react"
import { StatusBadge } from "../status/StatusBadge.tsx"

export const WorkspaceBar = ({ className }: { readonly className: string }) => {
  const { identity } = useWorkspace()
  useEffect(() => {
    const before = document.title
    document.title = `${identity.name} – Tidemark Notes`
    return () => {
      document.title = before
    }
  }, [identity.name])
  return (
    <header className={className}>
      <Group gap={6} wrap="nowrap" miw={0} maw="100%" flex="0 1 auto">
        <ActionIcon component={Link} to="/" variant="subtle" color="gray" size="lg" aria-label="All workspaces">
          <IconChevronLeft size={20} stroke={1.7} aria-hidden />
        </ActionIcon>
        <Text fw={650} size="lg" truncate title={identity.name}>
          {identity.name}
        </Text>
      </Group>
      <StatusBadge />
    </header>
  )
}
