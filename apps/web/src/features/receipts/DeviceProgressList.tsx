/** How far each device of the workspace has come, as it said itself. List "How far each device is". */
import { Text } from "@mantine/core"
import { IconDevices } from "@tabler/icons-react"
import { type DeviceProgress, useDevices } from "@tidemark/react"
import { roleWords } from "../share/roleWords.ts"
import { useTimeAgo } from "../status/useTimeAgo.ts"
import { progressWords } from "./receiptWords.ts"
import classes from "../share/AccessSection.module.css"

export const DeviceProgressList = () => {
  const devices = useDevices()
  return (
    <ul className={classes["list"]} aria-label="How far each device is">
      {devices?.map((device) => (
        <ProgressLine key={device.device} device={device} />
      ))}
    </ul>
  )
}

const ProgressLine = ({ device }: { readonly device: DeviceProgress }) => {
  const heard = useTimeAgo(device.reportedAt)
  const words = device.isThisDevice
    ? ["the one you hold"]
    : [progressWords(device), ...(heard === undefined ? [] : [`reported ${heard}`])]
  return (
    <li className={classes["line"]}>
      <IconDevices size={22} stroke={1.5} aria-hidden />
      <div className={classes["words"]}>
        <Text>{device.isThisDevice ? "This device" : `Device ${device.device.slice(0, 6)}`}</Text>
        <Text size="xs" c="dimmed">
          {[roleWords[device.role].name, ...words].join(" · ")}
        </Text>
      </div>
    </li>
  )
}
