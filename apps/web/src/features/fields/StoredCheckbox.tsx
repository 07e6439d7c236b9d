/** A checkbox over a stored value. It shows the answer at once, and goes back where it could not be stored. */
import { Checkbox, type CheckboxProps } from "@mantine/core"
import { useState } from "react"

export interface StoredCheckboxProps extends Omit<CheckboxProps, "checked" | "onChange"> {
  readonly stored: boolean
  /** Resolves to whether it is stored. */
  readonly onSave: (checked: boolean) => Promise<boolean>
}

export const StoredCheckbox = ({ onSave, stored, ...rest }: StoredCheckboxProps) => {
  /** What was pressed and is not stored yet. */
  const [wanted, setWanted] = useState<boolean>()
  if (wanted === stored) setWanted(undefined)
  const save = async (checked: boolean) => {
    setWanted(checked)
    if (!(await onSave(checked))) setWanted(undefined)
  }
  return <Checkbox {...rest} checked={wanted ?? stored} onChange={(event) => void save(event.currentTarget.checked)} />
}
