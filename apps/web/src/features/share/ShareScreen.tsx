/**
 * Who may come in, and who is in. An owner makes links and revokes links and devices; everyone sees what they may see.
 */
import { Stack, Text } from "@mantine/core"
import { useWorkspace } from "@tidemark/react"
import { useState } from "react"
import { ScreenTitle } from "../fields/ScreenTitle.tsx"
import { AccessSection } from "./AccessSection.tsx"
import { ShareForm } from "./ShareForm.tsx"

export const ShareScreen = () => {
  const { identity } = useWorkspace()
  const [changeCount, setChangeCount] = useState(0)
  const isOwner = identity.role === "owner"
  return (
    <>
      <ScreenTitle>Share & devices</ScreenTitle>
      <Stack gap="xl">
        {isOwner ? (
          <ShareForm onShared={() => setChangeCount(changeCount + 1)} />
        ) : (
          <Text c="dimmed">Links are made and revoked by an owner of this workspace.</Text>
        )}
        <AccessSection key={changeCount} isOwner={isOwner} onAgain={() => setChangeCount(changeCount + 1)} />
      </Stack>
    </>
  )
}
