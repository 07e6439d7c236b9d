/**
 * Joining: which server, and what this device will call the workspace; then it joins and opens. Textbox "Name on this
 * device", button "Join workspace"; without a link, textbox "Link" and button "Join" again.
 */
import { useSyncExternalStore } from "react"
import { FullMessage } from "../../app/FullMessage.tsx"
import { PasteLinkForm } from "../start/PasteLinkForm.tsx"
import { JoinForm } from "./JoinForm.tsx"
import { joinLink, subscribeToJoinLink } from "./joinLink.ts"
import { linkOrigin } from "./linkOrigin.ts"
import { OtherServer } from "./OtherServer.tsx"

export const JoinScreen = () => {
  const link = useSyncExternalStore(subscribeToJoinLink, joinLink)
  if (link === undefined) {
    return (
      <FullMessage title="Open your link again" actions={<PasteLinkForm />}>
        For safety a link is not kept in the address bar, so this page no longer has it. Open it again where you got it,
        or paste it here.
      </FullMessage>
    )
  }
  const origin = linkOrigin(link) ?? globalThis.location.origin
  // Another server's app is another app: this page may only talk to its own.
  if (origin !== globalThis.location.origin) return <OtherServer link={link} origin={origin} />
  return <JoinForm key={link} link={link} origin={origin} />
}
