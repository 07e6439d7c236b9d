/** One device of the workspace. Button "Shut out device <id>". */
import { Text } from "@mantine/core"
import { IconDevices } from "@tabler/icons-react"
import { type Access, useWorkspace } from "@tidemark/react"
import { useTimeAgo } from "../status/useTimeAgo.ts"
import { RevokeButton } from "./RevokeButton.tsx"
import { roleWords } from "./roleWords.ts"
import classes from "./AccessSection.module.css"

export interface DeviceLineProps {
  readonly device: Access["devices"][number]
  /** What is shut out with it. */
  readonly copies: Access["devices"]
  readonly onRevoked: () => void
}

const copiesText = (copies: Access["devices"]): string => {
  if (copies.length === 0) return ""
  const also = copies.some(({ isThisDevice }) => isThisDevice) ? " This device is one." : ""
  return copies.length === 1
    ? ` Its copy is shut out with it.${also}`
    : ` Its ${copies.length} copies are shut out with it.${also}`
}

export const DeviceLine = ({ copies, device, onRevoked }: DeviceLineProps) => {
  const { revoke } = useWorkspace()
  const seen = useTimeAgo(device.lastSeenAt)
  const copied = device.copyOf === undefined ? "" : ` · copy of ${device.copyOf.slice(0, 6)}`
  const shortId = device.device.slice(0, 6)
  return (
    <li className={classes["line"]} data-over={device.revoked}>
      <IconDevices size={22} stroke={1.5} aria-hidden />
      <div className={classes["words"]}>
        <Text>{device.isThisDevice ? "This device" : `Device ${shortId}`}</Text>
        <Text size="xs" c="dimmed">
          {device.revoked
            ? "Shut out"
            : `${roleWords[device.role].name} · ${seen === undefined ? "not seen yet" : `seen ${seen}`}${copied}`}
        </Text>
      </div>
      {!device.revoked && !device.isThisDevice && (
        <RevokeButton
          label={`Shut out device ${shortId}`}
          title="Shut this device out?"
          what={`The server gives it nothing more and takes none of its changes. What it has already, it keeps. This cannot be undone; it can be invited again.${copiesText(copies)}`}
          confirm="Shut out"
          onRevoke={() => revoke({ device: device.device })}
          onRevoked={onRevoked}
        />
      )}
    </li>
  )
}
