/** Takes a pasted link to the join page, within this page: the link never enters the address bar. */
import { Button, Text, TextInput, Title } from "@mantine/core"
import { useNavigate } from "@tanstack/react-router"
import { type SyntheticEvent, useState } from "react"
import { setJoinLink } from "../join/joinLink.ts"
import classes from "./StartScreen.module.css"

export const PasteLinkForm = () => {
  const navigate = useNavigate()
  const [text, setText] = useState("")
  const go = (event: SyntheticEvent) => {
    event.preventDefault()
    setJoinLink(text.trim())
    void navigate({ to: "/join" })
  }
  return (
    <form className={classes["form"]} onSubmit={go}>
      <Title order={2} size="h4">
        Join by link
      </Title>
      <Text size="sm" c="dimmed">
        Somebody shared a workspace with you, or you come from another device.
      </Text>
      <TextInput
        label="Link"
        placeholder="https://…/join#…"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" variant="light" disabled={text.trim() === ""}>
        Join
      </Button>
    </form>
  )
}
