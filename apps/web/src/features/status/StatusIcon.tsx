/** The sign of a status. Decorative: the words beside it say the same. */
import { IconAlertTriangle, IconCloudCheck, IconCloudOff, IconCloudUp } from "@tabler/icons-react"
import type { StatusTone } from "./statusWords.ts"

const iconByTone = { calm: IconCloudCheck, moving: IconCloudUp, away: IconCloudOff, alarm: IconAlertTriangle }

export const StatusIcon = ({ tone }: { readonly tone: StatusTone }) => {
  const Icon = iconByTone[tone]
  return <Icon size={18} stroke={1.7} aria-hidden />
}
