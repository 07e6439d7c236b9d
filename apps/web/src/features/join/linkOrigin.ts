/** The server a whole link belongs to; undefined for a text that is not a web address. Says nothing of the rest. */
export const linkOrigin = (link: string): string | undefined =>
  /^https?:\/\//.test(link) && URL.canParse(link) ? new URL(link).origin : undefined
