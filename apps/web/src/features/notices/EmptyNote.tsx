/** What a list says when there is nothing in it, and how to begin. */
import { EmptyState } from "@mantine/core"
import type { ReactNode } from "react"

export interface EmptyNoteProps {
  readonly icon: ReactNode
  readonly title: string
  readonly children: ReactNode
}

export const EmptyNote = ({ children, icon, title }: EmptyNoteProps) => (
  <EmptyState icon={icon} title={title} description={children} variant="light" py={48} px="md" />
)
