/** One line of text that stores itself. Enter stores at once. */
import { TextInput, type TextInputProps } from "@mantine/core"
import { useDraft } from "./useDraft.ts"

export interface DraftInputProps extends Omit<TextInputProps, "value" | "onChange" | "onBlur" | "onKeyDown"> {
  readonly stored: string
  readonly onSave: (text: string) => Promise<boolean>
  /** What to say of a text that is not stored because it is empty; absent where it may be. */
  readonly emptyFault?: string
}

export const DraftInput = ({ emptyFault, onSave, stored, ...rest }: DraftInputProps) => {
  const draft = useDraft(stored, (text) =>
    emptyFault !== undefined && text.trim() === "" ? Promise.resolve(false) : onSave(text.trim())
  )
  return (
    <TextInput
      {...rest}
      value={draft.text}
      error={emptyFault !== undefined && draft.text.trim() === "" ? emptyFault : undefined}
      onChange={(event) => draft.onChange(event.currentTarget.value)}
      onBlur={draft.flush}
      onKeyDown={(event) => {
        if (event.key === "Enter") draft.flush()
      }}
    />
  )
}
