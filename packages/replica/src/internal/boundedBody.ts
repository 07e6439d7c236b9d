/** The body of an answer, read no further than `bytesMax`; undefined where it is longer. Rejects where it is cut. */
export const boundedBody = async (answer: Response, bytesMax: number): Promise<Uint8Array | undefined> => {
  const parts: Array<Uint8Array> = []
  let length = 0
  const reader = answer.body?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (part?.value === undefined) break
    length += part.value.length
    if (length > bytesMax) {
      leave(reader)
      return undefined
    }
    parts.push(part.value)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    body.set(part, at)
    at += part.length
  }
  return body
}

/** Reads no body at all. */
export const leaveBody = ({ body }: Response): void => leave(body)

/** Whoever sends it need not be listened to; how that ends is of no interest. */
const leave = (source: { readonly cancel: () => Promise<void> } | null | undefined): void => {
  source?.cancel().catch(() => {})
}
