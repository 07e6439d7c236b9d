/** A pasted link of another server: its own page joins. Link "Open it there". */
import { Button, Group } from "@mantine/core"
import { FullMessage } from "../../app/FullMessage.tsx"
import { setJoinLink } from "./joinLink.ts"

export const OtherServer = ({ link, origin }: { readonly link: string; readonly origin: string }) => (
  <FullMessage
    title="This link belongs to another server"
    actions={
      <Group>
        <Button component="a" href={link} rel="noreferrer">
          Open it there
        </Button>
        <Button variant="default" onClick={() => setJoinLink(undefined)}>
          Use another link
        </Button>
      </Group>
    }
  >
    The workspace is at {origin}. Nothing was sent.
  </FullMessage>
)
