/** Several lines of text that store themselves. */
import { Textarea, type TextareaProps } from "@mantine/core"
import { useDraft } from "./useDraft.ts"

export interface DraftTextareaProps extends Omit<TextareaProps, "value" | "onChange" | "onBlur"> {
  readonly stored: string
  readonly onSave: (text: string) => Promise<boolean>
}

export const DraftTextarea = ({ onSave, stored, ...rest }: DraftTextareaProps) => {
  const draft = useDraft(stored, onSave)
  return (
    <Textarea
      {...rest}
      value={draft.text}
      onChange={(event) => draft.onChange(event.currentTarget.value)}
      onBlur={draft.flush}
    />
  )
}
