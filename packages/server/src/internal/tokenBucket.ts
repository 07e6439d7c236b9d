/** Token buckets by key: so many requests a second on average, a burst of twice that, in a bounded map. */
import { Clock, Effect } from "effect"
import { RateLimited } from "@tidemark/protocol"

/** Keys remembered; the one least recently used goes first and starts anew. */
const keyCountMax = 20_000

interface Bucket {
  left: number
  atMillis: number
}

/** Takes one request from a key's bucket, or fails with the time until there is one again. */
export const makeTokenBuckets = (perSecondMax: number): ((key: string) => Effect.Effect<void, RateLimited>) => {
  const buckets = new Map<string, Bucket>()
  const burst = perSecondMax * 2
  return (key) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const bucket = buckets.get(key) ?? { left: burst, atMillis: now }
      buckets.delete(key)
      buckets.set(key, bucket)
      const oldest = buckets.size > keyCountMax ? buckets.keys().next().value : undefined
      if (oldest !== undefined) buckets.delete(oldest)
      bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.atMillis) / 1_000) * perSecondMax)
      bucket.atMillis = now
      if (bucket.left < 1) {
        const retryAfterMillis = Math.ceil(((1 - bucket.left) / perSecondMax) * 1_000)
        const message = `More than ${perSecondMax} requests a second; wait ${retryAfterMillis} ms`
        return Effect.fail(new RateLimited({ retryAfterMillis, message }))
      }
      bucket.left -= 1
      return Effect.void
    })
}
