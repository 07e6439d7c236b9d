/** The workspaces of this device, each a link. */
import { Text, Title } from "@mantine/core"
import { IconChevronRight } from "@tabler/icons-react"
import type { WorkspaceEntry } from "@tidemark/react"
import { Link } from "@tanstack/react-router"
import { roleWords } from "../share/roleWords.ts"
import classes from "./StartScreen.module.css"

export const WorkspaceList = ({ workspaces }: { readonly workspaces: ReadonlyArray<WorkspaceEntry> }) => (
  <section>
    <Title order={2} size="h4" mb="sm">
      On this device
    </Title>
    <ul className={classes["list"]} aria-label="Workspaces on this device">
      {workspaces.map(({ id, label, origin, role }) => (
        <li key={id}>
          <Link to="/w/$workspaceId/tasks" params={{ workspaceId: id }} className={classes["workspace"] ?? ""}>
            <span className={classes["words"]}>
              <Text fw={600} component="span" display="block" truncate>
                {label}
              </Text>
              <Text size="xs" c="dimmed" component="span" display="block" truncate>
                {roleWords[role].name} · {origin.replace(/^https?:\/\//, "")}
              </Text>
            </span>
            <IconChevronRight size={18} aria-hidden />
          </Link>
        </li>
      ))}
    </ul>
  </section>
)
