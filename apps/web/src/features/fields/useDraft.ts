/**
 * Text as it is being typed, stored whenever the typing rests.
 *
 * Stored after a short pause, on leaving the field, when the page is hidden, and when the field goes away; so at most the
 * last moment of typing is ever on the screen alone. While something typed is not stored yet, what others change does
 * not overwrite it. A failed save keeps the text.
 */
import { useDebouncedCallback } from "@mantine/hooks"
import { useCallback, useEffect, useRef, useState } from "react"

/** A pause in typing, in milliseconds. Each save is an edit for ever, so not every key is one. */
const restMillis = 400

export interface Draft {
  readonly text: string
  readonly onChange: (text: string) => void
  /** Stores now what was typed. */
  readonly flush: () => void
}

/** `save` resolves to whether the text is stored. */
export const useDraft = (stored: string, save: (text: string) => Promise<boolean>): Draft => {
  const [text, setText] = useState(stored)
  /** What was typed and not handed over yet. */
  const typed = useRef<string>(undefined)
  const latestSave = useRef(save)
  useEffect(() => {
    latestSave.current = save
  })

  useEffect(() => {
    // A space at the end is not stored, and must not vanish under the typing hand.
    if (typed.current === undefined) setText((shown) => (shown.trim() === stored ? shown : stored))
  }, [stored])

  const flush = useCallback(() => {
    const next = typed.current
    if (next === undefined) return
    void latestSave.current(next).then((isStored) => {
      if (isStored && typed.current === next) typed.current = undefined
    })
  }, [])

  const flushSoon = useDebouncedCallback(flush, restMillis)
  const onChange = useCallback(
    (next: string) => {
      typed.current = next
      setText(next)
      flushSoon()
    },
    [flushSoon]
  )

  useEffect(() => {
    const flushHidden = () => {
      if (document.visibilityState === "hidden") flush()
    }
    document.addEventListener("visibilitychange", flushHidden)
    return () => {
      document.removeEventListener("visibilitychange", flushHidden)
      flush()
    }
  }, [flush])

  return { text, onChange, flush }
}
