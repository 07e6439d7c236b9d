/** One link that was made. Button "Revoke link <id>". */
import { Text } from "@mantine/core"
import { IconLink } from "@tabler/icons-react"
import { type Access, useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { RevokeButton } from "./RevokeButton.tsx"
import { roleWords } from "./roleWords.ts"
import classes from "./AccessSection.module.css"

export interface GrantLineProps {
  readonly grant: Access["grants"][number]
  readonly onRevoked: () => void
}

const until = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

export const GrantLine = ({ grant, onRevoked }: GrantLineProps) => {
  const { revoke } = useWorkspace()
  const [now] = useState(() => Date.now())
  const over = overWords(grant, now)
  const shortId = grant.grant.slice(0, 6)
  return (
    <li className={classes["line"]} data-over={over !== undefined}>
      <IconLink size={22} stroke={1.5} aria-hidden />
      <div className={classes["words"]}>
        <Text>
          {roleWords[grant.role].name} link {shortId}
        </Text>
        <Text size="xs" c="dimmed">
          {over ??
            `For ${grant.usesLeft === 1 ? "one more device" : `${grant.usesLeft} more devices`}, until ${until.format(grant.expiresAt)}`}
        </Text>
      </div>
      {over === undefined && (
        <RevokeButton
          label={`Revoke link ${shortId}`}
          title="Revoke this link?"
          what="Nobody can join with it any more. Devices that joined with it stay in."
          confirm="Revoke"
          onRevoke={() => revoke({ grant: grant.grant })}
          onRevoked={onRevoked}
        />
      )}
    </li>
  )
}

/** Why a link lets nobody in any more; undefined while it does. */
const overWords = (grant: GrantLineProps["grant"], now: number): string | undefined => {
  if (grant.revoked) return "Revoked"
  if (grant.usesLeft <= 0) return "Used up"
  return grant.expiresAt <= now ? "Expired" : undefined
}
