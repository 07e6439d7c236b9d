/**
 * Makes a link. Radios Reader, Editor, Owner; combobox "Lasts"; textbox "For how many devices"; button "Make a link";
 * then textbox "Link" (read-only) and button "Copy link".
 */
import { Button, NumberInput, Paper, SegmentedControl, Select, Stack, Text, Title } from "@mantine/core"
import { IconLink } from "@tabler/icons-react"
import type { Role } from "@tidemark/protocol"
import { useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { attempt } from "../notices/notices.ts"
import { lifetimes, type Lifetime } from "./lifetimes.ts"
import { roles, roleWords } from "./roleWords.ts"
import { type NewLink, SharedLink } from "./SharedLink.tsx"
import classes from "./ShareForm.module.css"

/** A grant admits at most so many devices. */
const usesMax = 1_000

export const ShareForm = ({ onShared }: { readonly onShared: () => void }) => {
  const { share } = useWorkspace()
  const [role, setRole] = useState<Role>("editor")
  const [lifetime, setLifetime] = useState<Lifetime>(lifetimes[2])
  const [uses, setUses] = useState(1)
  const [isMaking, setIsMaking] = useState(false)
  const [link, setLink] = useState<NewLink>()
  const make = async () => {
    setIsMaking(true)
    const expiresAt = Date.now() + lifetime.millis
    const isMade = await attempt(
      "No link was made",
      share({ role, expiresAt, uses }).then((text) => setLink({ text, role, expiresAt, uses }))
    )
    setIsMaking(false)
    if (isMade) onShared()
  }
  return (
    <Paper component="section" withBorder radius="lg" p="md" bg="var(--tide-surface)" aria-labelledby="share-heading">
      <Stack gap="md">
        <Title order={2} size="h4" id="share-heading">
          Invite a device by link
        </Title>
        <div>
          <SegmentedControl
            fullWidth
            aria-label="What the link allows"
            value={role}
            onChange={(next) => setRole(roles.find((one) => one === next) ?? role)}
            data={roles.map((value) => ({ value, label: roleWords[value].name }))}
          />
          <Text size="sm" c="dimmed" mt={6}>
            Whoever joins {roleWords[role].may}.
          </Text>
        </div>
        <div className={classes["pair"]}>
          <Select
            label="Lasts"
            allowDeselect={false}
            value={lifetime.value}
            onChange={(next) => setLifetime(lifetimes.find(({ value }) => value === next) ?? lifetime)}
            data={lifetimes.map(({ label, value }) => ({ label, value }))}
          />
          <NumberInput
            label="For how many devices"
            min={1}
            max={usesMax}
            allowDecimal={false}
            clampBehavior="strict"
            value={uses}
            onChange={(next) => setUses(Math.max(1, Number(next) || 1))}
          />
        </div>
        <Button
          leftSection={<IconLink size={18} aria-hidden />}
          loading={isMaking}
          onClick={() => void make()}
          className={classes["make"] ?? ""}
        >
          Make a link
        </Button>
        {link !== undefined && <SharedLink link={link} />}
      </Stack>
    </Paper>
  )
}
