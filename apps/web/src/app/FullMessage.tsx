/**
 * A page that says one thing, with what can be done about it below. Roles: main, heading level 1.
 */
import { Stack, Text, Title } from "@mantine/core"
import type { ReactNode } from "react"
import { Mark } from "./Mark.tsx"
import classes from "./FullMessage.module.css"

export interface FullMessageProps {
  readonly title: string
  readonly children: ReactNode
  /** Links or buttons. */
  readonly actions?: ReactNode
}

export const FullMessage = ({ actions, children, title }: FullMessageProps) => (
  <main className={classes["page"]}>
    <Stack gap="md" className={classes["box"] ?? ""}>
      <Mark size={44} />
      <Title order={1} size="h2">
        {title}
      </Title>
      <Text c="dimmed" component="div">
        {children}
      </Text>
      {actions}
    </Stack>
  </main>
)
