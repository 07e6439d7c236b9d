/** An address that is no page of the app. Link "Your workspaces". */
import { Anchor } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { FullMessage } from "./FullMessage.tsx"

export const NotFoundScreen = () => (
  <FullMessage
    title="There is no such page"
    actions={
      <Anchor component={Link} to="/">
        Your workspaces
      </Anchor>
    }
  >
    The address may be cut or mistyped. Nothing was changed.
  </FullMessage>
)
