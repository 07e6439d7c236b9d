/** A link just made: to copy, with what it gives. It is shown this once; nobody keeps it. */
import { Button, CopyButton, Stack, Text, TextInput } from "@mantine/core"
import { IconCheck, IconCopy } from "@tabler/icons-react"
import type { Role } from "@tidemark/protocol"
import { roleWords } from "./roleWords.ts"
import classes from "./ShareForm.module.css"

export interface NewLink {
  readonly text: string
  readonly role: Role
  readonly expiresAt: number
  readonly uses: number
}

const until = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

export const SharedLink = ({ link }: { readonly link: NewLink }) => (
  <Stack gap="xs">
    <div className={classes["link"]}>
      <TextInput label="Link" value={link.text} readOnly onFocus={(event) => event.currentTarget.select()} />
      <CopyButton value={link.text}>
        {({ copied, copy }) => (
          <Button
            variant="light"
            onClick={copy}
            aria-label="Copy link"
            leftSection={copied ? <IconCheck size={18} aria-hidden /> : <IconCopy size={18} aria-hidden />}
          >
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </div>
    <Text size="sm" aria-live="polite">
      Until {until.format(link.expiresAt)}, {link.uses === 1 ? "one device" : `${link.uses} devices`} can join with it
      as {roleWords[link.role].name.toLowerCase()}: it {roleWords[link.role].may}. It works while your device is off.
    </Text>
    <Text size="sm" c="dimmed">
      Treat it like a key: whoever has it can use it, so send it by a way you trust. It is shown only now. Its secret
      never reaches a server.
    </Text>
  </Stack>
)
