/** Makes a workspace on this device; needs no account and no network. */
import { Button, Text, TextInput, Title } from "@mantine/core"
import { useWorkspaceActions } from "@tidemark/react"
import { useNavigate } from "@tanstack/react-router"
import { type SyntheticEvent, useState } from "react"
import { attempt } from "../notices/notices.ts"
import classes from "./StartScreen.module.css"

/** Longer names are cut by every place that shows them. */
export const nameLengthMax = 80

export const CreateForm = ({ isFirst }: { readonly isFirst: boolean }) => {
  const { create } = useWorkspaceActions()
  const navigate = useNavigate()
  const [name, setName] = useState("")
  const [isMaking, setIsMaking] = useState(false)
  const make = async (event: SyntheticEvent) => {
    event.preventDefault()
    setIsMaking(true)
    await attempt(
      "The workspace was not created",
      create({ name: name.trim() }).then((workspaceId) =>
        navigate({ to: "/w/$workspaceId/tasks", params: { workspaceId } })
      )
    )
    setIsMaking(false)
  }
  return (
    <form className={classes["form"]} onSubmit={(event) => void make(event)}>
      <Title order={2} size="h4">
        {isFirst ? "Begin here" : "New workspace"}
      </Title>
      <Text size="sm" c="dimmed">
        No account, no email. The keys are made on this device.
      </Text>
      <TextInput
        label="Name of the workspace"
        placeholder="Home"
        maxLength={nameLengthMax}
        autoComplete="off"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Button type="submit" loading={isMaking} disabled={name.trim() === ""}>
        Create
      </Button>
    </form>
  )
}
