/**
 * One line to write something new: Enter adds it and leaves the line empty for the next. What was typed stays if adding
 * fails. Role form; textbox and button by the given labels.
 */
import { ActionIcon, TextInput } from "@mantine/core"
import { IconPlus } from "@tabler/icons-react"
import { type SyntheticEvent, useState } from "react"

export interface ComposerProps {
  /** The line's name, such as "New task". */
  readonly label: string
  readonly placeholder: string
  /** The button's name, such as "Add task". */
  readonly addLabel: string
  /** Resolves to whether it was added. */
  readonly onAdd: (text: string) => Promise<boolean>
}

export const Composer = ({ addLabel, label, onAdd, placeholder }: ComposerProps) => {
  const [text, setText] = useState("")
  const add = async (event: SyntheticEvent) => {
    event.preventDefault()
    const written = text.trim()
    if (written === "") return
    // Emptied at once, so that the next can be typed; given back if it could not be stored.
    setText("")
    if (!(await onAdd(written))) setText((now) => (now === "" ? written : now))
  }
  return (
    <form onSubmit={(event) => void add(event)}>
      <TextInput
        size="md"
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autoComplete="off"
        enterKeyHint="done"
        rightSection={
          <ActionIcon type="submit" size="lg" aria-label={addLabel} disabled={text.trim() === ""}>
            <IconPlus size={20} aria-hidden />
          </ActionIcon>
        }
        rightSectionWidth={48}
      />
    </form>
  )
}
