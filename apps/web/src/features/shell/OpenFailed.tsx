/** A workspace that did not open, and why. Buttons "Try again"; link "Your workspaces". */
import { Anchor, Button, Group } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { FullMessage } from "../../app/FullMessage.tsx"

export const OpenFailed = ({ error, retry }: { readonly error: Error; readonly retry: () => void }) => (
  <FullMessage
    title="This workspace could not be opened"
    actions={
      <Group>
        <Button onClick={retry}>Try again</Button>
        <Anchor component={Link} to="/">
          Your workspaces
        </Anchor>
      </Group>
    }
  >
    {error.message}
  </FullMessage>
)
