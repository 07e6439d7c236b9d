/** A quiet sign on a row with a change that is not on the server yet; its text "Not yet on the server" is for screen readers. */
import { VisuallyHidden } from "@mantine/core"
import { IconCloudUp } from "@tabler/icons-react"
import classes from "./WaitingMark.module.css"

const words = "Not yet on the server"

export const WaitingMark = () => (
  <span className={classes["mark"]} title={words}>
    <IconCloudUp size={16} stroke={1.6} aria-hidden />
    <VisuallyHidden>{words}</VisuallyHidden>
  </span>
)
