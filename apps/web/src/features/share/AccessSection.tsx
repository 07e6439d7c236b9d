/**
 * The devices and links of the workspace, as the server lists them. Lists "Devices" and "Links"; button "Try again" where
 * the server cannot be asked.
 */
import { Alert, Button, Skeleton, Stack, Text, Title } from "@mantine/core"
import { IconCloudOff } from "@tabler/icons-react"
import { copiesOf } from "./copiesOf.ts"
import { DeviceLine } from "./DeviceLine.tsx"
import { GrantLine } from "./GrantLine.tsx"
import { useAccess } from "./useAccess.ts"
import classes from "./AccessSection.module.css"

export interface AccessSectionProps {
  /** Something changed, or is to be tried again: the parent shows this section anew. */
  readonly onAgain: () => void
}

export const AccessSection = ({ onAgain }: AccessSectionProps) => {
  const answer = useAccess()
  if (answer._tag === "Failed") {
    return (
      <Alert icon={<IconCloudOff aria-hidden />} color="gray" title="Devices and links cannot be listed now">
        <Text size="sm" mb="sm">
          {answer.message}
        </Text>
        <Button size="compact-sm" variant="light" onClick={onAgain}>
          Try again
        </Button>
      </Alert>
    )
  }
  if (answer._tag === "Asking") {
    return (
      <Stack gap="sm" aria-busy aria-label="Asking the server for devices and links">
        <Skeleton height={22} width={110} />
        <Skeleton height={62} radius="lg" />
      </Stack>
    )
  }
  const { devices, grants } = answer.access
  return (
    <Stack gap="xl">
      <section>
        <Title order={2} size="h4" mb="sm">
          Devices
        </Title>
        <ul className={classes["list"]} aria-label="Devices">
          {devices.map((device) => (
            <DeviceLine key={device.device} device={device} copies={copiesOf(devices, device)} onRevoked={onAgain} />
          ))}
        </ul>
      </section>
      {grants.length > 0 && (
        <section>
          <Title order={2} size="h4" mb="sm">
            Links
          </Title>
          <ul className={classes["list"]} aria-label="Links">
            {grants.map((grant) => (
              <GrantLine key={grant.grant} grant={grant} onRevoked={onAgain} />
            ))}
          </ul>
        </section>
      )}
    </Stack>
  )
}
