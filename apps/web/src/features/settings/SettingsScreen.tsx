/**
 * This workspace on this device, the colours, and what the app is. Radios Light, Dark, System; buttons "Check my data",
 * "Remove from this device".
 */
import { Stack, Text, Title } from "@mantine/core"
import { protocolVersion } from "@tidemark/protocol"
import { useStoragePromise, useStorageUse, useWorkspace } from "@tidemark/react"
import { DeviceProgressList } from "../receipts/DeviceProgressList.tsx"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { roleWords } from "../share/roleWords.ts"
import { ColorSchemeControl } from "./ColorSchemeControl.tsx"
import { bytesInWords } from "./bytesInWords.ts"
import { StorageCheck } from "./StorageCheck.tsx"
import { ForgetWorkspace } from "./ForgetWorkspace.tsx"
import classes from "./SettingsScreen.module.css"

const storageWords = {
  unknown: "The browser has not said whether it keeps it",
  kept: "The browser keeps it, also when the disk gets full",
  evictable: "The browser may clear it when the disk gets full. What the server has confirmed comes back."
} as const

export const SettingsScreen = () => {
  const { identity } = useWorkspace()
  const storage = useStoragePromise()
  const use = useStorageUse()
  const facts = [
    ["Name on this device", identity.name],
    ["Server", identity.origin],
    ["Your role", identity.role === undefined ? "Shut out" : roleWords[identity.role].name],
    ["Workspace", identity.workspace],
    ["This device", identity.device],
    ["Storage", storageWords[storage]],
    [
      "Space",
      use === undefined
        ? "The browser does not say"
        : `${bytesInWords(use.usedBytes)} used by this app and its workspaces, of about ${bytesInWords(use.quotaBytes)} the browser allows`
    ]
  ] as const
  return (
    <>
      <ScreenTitle>Settings</ScreenTitle>
      <Stack gap="xl">
        <section>
          <Title order={2} size="h4" mb="sm">
            This workspace
          </Title>
          <dl className={classes["facts"]}>
            {facts.map(([term, value]) => (
              <div key={term}>
                <dt>{term}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <Title order={2} size="h4" mb="sm">
            Devices
          </Title>
          <DeviceProgressList />
        </section>
        <section>
          <Title order={2} size="h4" mb="sm">
            Check my data
          </Title>
          <StorageCheck />
        </section>
        <section>
          <Title order={2} size="h4" mb="sm">
            Colours
          </Title>
          <ColorSchemeControl />
        </section>
        <section>
          <Title order={2} size="h4" mb="sm">
            Remove from this device
          </Title>
          <ForgetWorkspace />
        </section>
        <section>
          <Title order={2} size="h4" mb="sm">
            About
          </Title>
          <Text size="sm" c="dimmed">
            Tidemark Notes keeps everything on this device and works without a network. What leaves it is sealed here:
            the server stores bytes it cannot read, and sees only sizes, times and random ids. Protocol version{" "}
            {protocolVersion}.
          </Text>
        </section>
      </Stack>
    </>
  )
}
