/** The devices and links of the workspace, asked of the server once for each mount. */
import { type Access, useWorkspace } from "@tidemark/react"
import { useEffect, useState } from "react"
import { sentenceOf } from "../notices/notices.ts"

export type AccessAnswer =
  | { readonly _tag: "Asking" }
  | { readonly _tag: "Known"; readonly access: Access }
  | { readonly _tag: "Failed"; readonly message: string }

export const useAccess = (): AccessAnswer => {
  const { access } = useWorkspace()
  const [answer, setAnswer] = useState<AccessAnswer>({ _tag: "Asking" })
  useEffect(() => {
    let isCurrent = true
    access().then(
      (known) => isCurrent && setAnswer({ _tag: "Known", access: known }),
      (error: unknown) => isCurrent && setAnswer({ _tag: "Failed", message: sentenceOf(error) })
    )
    return () => {
      isCurrent = false
    }
  }, [access])
  return answer
}
