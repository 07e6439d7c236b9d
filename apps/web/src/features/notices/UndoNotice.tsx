/** The inside of a notice that offers to take something back. Button "Undo". */
import { Button, Group, Text } from "@mantine/core"

export interface UndoNoticeProps {
  readonly message: string
  readonly onUndo: () => void
}

export const UndoNotice = ({ message, onUndo }: UndoNoticeProps) => (
  <Group justify="space-between" wrap="nowrap" gap="sm">
    <Text size="sm" lineClamp={2}>
      {message}
    </Text>
    <Button size="compact-sm" variant="light" onClick={onUndo}>
      Undo
    </Button>
  </Group>
)
