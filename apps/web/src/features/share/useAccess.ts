/** The devices and links of the workspace, asked of the server once for each mount and whenever `again` is called. */
import { type Access, useWorkspace } from "@tidemark/react"
import { useCallback, useEffect, useState } from "react"
import { sentenceOf } from "../notices/notices.ts"

export type AccessAnswer =
  | { readonly _tag: "Asking" }
  | { readonly _tag: "Known"; readonly access: Access }
  | { readonly _tag: "Failed"; readonly message: string }

export const useAccess = (): { readonly answer: AccessAnswer; readonly again: () => void } => {
  const { access } = useWorkspace()
  const [answer, setAnswer] = useState<AccessAnswer>({ _tag: "Asking" })
  const [askedCount, setAskedCount] = useState(0)
  useEffect(() => {
    let isCurrent = true
    access().then(
      (known) => isCurrent && setAnswer({ _tag: "Known", access: known }),
      (error: unknown) => isCurrent && setAnswer({ _tag: "Failed", message: sentenceOf(error) })
    )
    return () => {
      isCurrent = false
    }
  }, [access, askedCount])
  const again = useCallback(() => {
    setAnswer({ _tag: "Asking" })
    setAskedCount((count) => count + 1)
  }, [])
  return { answer, again }
}
