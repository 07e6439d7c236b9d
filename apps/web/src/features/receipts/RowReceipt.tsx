/**
 * Where the changes of one record are: a line with words, and behind it the places, from near to far. Button "Where it is: …";
 * inside, list "Where it is".
 */
import { Popover, Stack, Text, UnstyledButton } from "@mantine/core"
import { IconCloudCheck, IconCloudUp, IconDeviceDesktop, IconDevices } from "@tabler/icons-react"
import { useWhereabouts } from "@tidemark/react"
import { type ReactNode, useState } from "react"
import { receiptWords } from "./receiptWords.ts"
import classes from "./RowReceipt.module.css"

export interface RowReceiptProps {
  readonly table: string
  readonly id: string
}

export const RowReceipt = ({ id, table }: RowReceiptProps) => {
  const whereabouts = useWhereabouts(table, id)
  const [isOpen, setIsOpen] = useState(false)
  if (whereabouts === undefined) return <div className={classes["place"]} />
  const { devices, isOnServer, label, sentence, server } = receiptWords(whereabouts)
  const Cloud = isOnServer ? IconCloudCheck : IconCloudUp
  return (
    <Popover opened={isOpen} onChange={setIsOpen} width={270} position="top-start" shadow="md" trapFocus>
      <Popover.Target>
        <UnstyledButton
          className={classes["place"] ?? ""}
          aria-label={`Where it is: ${label}`}
          onClick={() => setIsOpen(!isOpen)}
        >
          <Cloud size={16} stroke={1.6} aria-hidden />
          {label}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs" component="ul" className={classes["places"] ?? ""} aria-label="Where it is">
          <Place icon={<IconDeviceDesktop size={18} stroke={1.6} aria-hidden />}>On this device</Place>
          <Place icon={<Cloud size={18} stroke={1.6} aria-hidden />}>
            {server}
            {sentence !== undefined && (
              <Text component="span" size="xs" c="dimmed" display="block">
                {sentence}
              </Text>
            )}
          </Place>
          {devices !== undefined && <Place icon={<IconDevices size={18} stroke={1.6} aria-hidden />}>{devices}</Place>}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

const Place = ({ children, icon }: { readonly icon: ReactNode; readonly children: ReactNode }) => (
  <li className={classes["line"]}>
    {icon}
    <span>{children}</span>
  </li>
)
