/** The workspaces of this device, each a link. */
import { Text, Title } from "@mantine/core"
import { IconChevronRight } from "@tabler/icons-react"
import type { RegisteredWorkspace } from "@tidemark/react"
import { Link } from "@tanstack/react-router"
import classes from "./StartScreen.module.css"

export const WorkspaceList = ({ workspaces }: { readonly workspaces: ReadonlyArray<RegisteredWorkspace> }) => (
  <section>
    <Title order={2} size="h4" mb="sm">
      On this device
    </Title>
    <ul className={classes["list"]} aria-label="Workspaces on this device">
      {workspaces.map(({ id, name, origin }) => (
        <li key={id}>
          <Link to="/w/$workspaceId/tasks" params={{ workspaceId: id }} className={classes["workspace"] ?? ""}>
            <span className={classes["words"]}>
              <Text fw={600} component="span" display="block" truncate>
                {name}
              </Text>
              <Text size="xs" c="dimmed" component="span" display="block" truncate>
                {origin.replace(/^https?:\/\//, "")}
              </Text>
            </span>
            <IconChevronRight size={18} aria-hidden />
          </Link>
        </li>
      ))}
    </ul>
  </section>
)
