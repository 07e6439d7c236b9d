/** The heading of a screen, with something small beside it. */
import { Group, Title } from "@mantine/core"
import type { ReactNode } from "react"

export const ScreenTitle = ({ beside, children }: { readonly children: ReactNode; readonly beside?: ReactNode }) => (
  <Group justify="space-between" align="center" mb="md" gap="sm" mih={36}>
    <Title order={1} size="h2">
      {children}
    </Title>
    {beside}
  </Group>
)
