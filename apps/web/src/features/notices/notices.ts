/**
 * Short notices at the foot of the page. A failure stays until it is closed; the rest leave by themselves.
 */
import { notifications } from "@mantine/notifications"
import { createElement } from "react"
import { UndoNotice } from "./UndoNotice.tsx"

/** How long a notice that needs no answer stays, in milliseconds. */
const shortMillis = 4_000
/** How long an undo is offered, in milliseconds. */
const undoMillis = 8_000

/** Something was done. */
export const showDone = (message: string): void => {
  notifications.show({ message, color: "tide", autoClose: shortMillis })
}

/** Something did not happen. `error` is one of ours, whose message is a sentence for the user, or a defect. */
export const showFailure = (title: string, error: unknown): void => {
  notifications.show({ title, message: sentenceOf(error), color: "red", autoClose: false, role: "alert" })
}

/** Something was done that can be taken back. */
export const showUndo = (message: string, undo: () => Promise<unknown>): void => {
  const id = notifications.show({
    message: createElement(UndoNotice, {
      message,
      onUndo: () => {
        notifications.hide(id)
        void attempt("It could not be taken back", undo())
      }
    }),
    color: "tide",
    autoClose: undoMillis
  })
}

/** Waits for an action and shows its failure. Resolves to whether it was done. */
export const attempt = async (failureTitle: string, action: Promise<unknown>): Promise<boolean> => {
  try {
    await action
    return true
  } catch (error) {
    showFailure(failureTitle, error)
    return false
  }
}

/** What went wrong, in words. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : `Something unexpected happened: ${String(error)}`
