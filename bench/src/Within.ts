/** Resolves as the work does, and fails where that takes longer. What was begun is not stopped. */
export const within = async <A>(seconds: number, work: Promise<A>): Promise<A> => {
  let tell: (error: Error) => void = () => undefined
  const ended = new Promise<never>((_, reject) => (tell = reject))
  const limit = setTimeout(() => tell(new Error(`not done after ${seconds} s`)), seconds * 1_000)
  try {
    return await Promise.race([work, ended])
  } finally {
    clearTimeout(limit)
  }
}
