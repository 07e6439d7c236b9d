/**
 * Who may come in, and who is in. Only owners are told by the server, so only they see it.
 */
import { Stack, Text } from "@mantine/core"
import { useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { AccessSection } from "./AccessSection.tsx"
import { ShareForm } from "./ShareForm.tsx"

export const ShareScreen = () => {
  const { identity } = useWorkspace()
  const [askedCount, setAskedCount] = useState(0)
  const isOwner = identity.role === "owner"
  const again = () => setAskedCount(askedCount + 1)
  return (
    <>
      <ScreenTitle>Share & devices</ScreenTitle>
      <Stack gap="xl">
        {isOwner ? (
          <>
            <ShareForm onShared={again} />
            <AccessSection key={askedCount} onAgain={again} />
          </>
        ) : (
          <Text c="dimmed">
            Links are made, and links and devices are listed and revoked, by an owner of this workspace. This device is
            not one.
          </Text>
        )}
      </Stack>
    </>
  )
}
