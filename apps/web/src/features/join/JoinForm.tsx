/** Joins by a link, and opens the workspace. A failure keeps the link, so that trying again is one press. */
import { Alert, Anchor, Button, Group, Stack, Text, TextInput } from "@mantine/core"
import { useWorkspaceActions } from "@tidemark/react"
import { Link, useNavigate } from "@tanstack/react-router"
import { type SyntheticEvent, useState } from "react"
import { FullMessage } from "../../app/FullMessage.tsx"
import { sentenceOf, showDone } from "../notices/notices.ts"
import { nameLengthMax } from "../start/CreateForm.tsx"
import { setJoinLink } from "./joinLink.ts"

export const JoinForm = ({ link, origin }: { readonly link: string; readonly origin: string }) => {
  const { join } = useWorkspaceActions()
  const navigate = useNavigate()
  const [name, setName] = useState("Shared workspace")
  const [isJoining, setIsJoining] = useState(false)
  const [fault, setFault] = useState<string>()
  const enter = async (event: SyntheticEvent) => {
    event.preventDefault()
    setIsJoining(true)
    setFault(undefined)
    try {
      const workspaceId = await join({ link, name: name.trim() })
      await navigate({ to: "/w/$workspaceId/tasks", params: { workspaceId }, replace: true })
      setJoinLink(undefined)
      showDone("You are in. Everything arrives in the background.")
    } catch (error) {
      setFault(sentenceOf(error))
      setIsJoining(false)
    }
  }
  return (
    <FullMessage
      title="Join a shared workspace"
      actions={
        <form onSubmit={(event) => void enter(event)}>
          <Stack gap="md">
            <TextInput
              label="Name on this device"
              description="Only you see it."
              maxLength={nameLengthMax}
              autoComplete="off"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            {fault !== undefined && (
              <Alert color="red" role="alert" title="You are not in yet">
                {fault}
              </Alert>
            )}
            <Group>
              <Button type="submit" loading={isJoining} disabled={name.trim() === ""}>
                Join workspace
              </Button>
              <Anchor component={Link} to="/" onClick={() => setJoinLink(undefined)}>
                Not now
              </Anchor>
            </Group>
          </Stack>
        </form>
      }
    >
      <Text>
        The workspace is kept by <strong>{origin.replace(/^https?:\/\//, "")}</strong>, which cannot read it. The link
        says whether you may only read, also change, or own it; you will see that as soon as you are in.
      </Text>
      <Text mt="xs">The network is needed once. The link has been removed from the address bar.</Text>
    </FullMessage>
  )
}
