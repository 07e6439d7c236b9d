/**
 * Every limit of the protocol, with its unit in its name. Both sides check them before they allocate.
 *
 * Relations between limits are asserted in `test/Layouts.test.ts` [LIMIT-1]. Rules: docs/spec/protocol.md.
 */

/** The largest sealed entry, header and signature included. What is larger travels in parts. */
export const entryBytesMax = 1_048_576

/** The largest number of parts an item may be cut into. */
export const partCountMax = 64

/** The largest number of parts of a checkpoint: it is given whole, as one item of a page. */
export const checkpointPartCountMax = 3

/** The largest number of checkpoints that wait for another device's word and are named at once. */
export const checkpointsNamedMax = 64

/** The largest uncompressed update or checkpoint; a decompressor stops there. */
export const updateBytesMax = 64 * 1_048_576

/** The largest number of entries in one push or page. */
export const batchCountMax = 512

/** The largest push or page frame. A single entry of `entryBytesMax` always fits. */
export const batchBytesMax = 4 * 1_048_576

/** How many bytes of entries a page holds when the reader does not say. */
export const pageBytesDefault = 1_048_576

/** The largest HTTP request body. */
export const bodyBytesMax = batchBytesMax + 65_536

/** The largest body of an HTTP answer; a device reads no further, and takes what is longer for nobody's of the protocol. */
export const answerBytesMax = 2 * batchBytesMax

/** The largest roster statement. */
export const statementBytesMax = 65_536

/** The largest number of statements in a roster. */
export const statementCountMax = 10_000

/** How many copies a device lets in as devices of their own, and copies of copies with them. */
export const deviceCopyCountMax = 64

/** How long one device may refill a log before another may, in milliseconds; it may ask for more while it works. */
export const refillLeaseMillis = 30_000

/** How many reports of its cursor one device may send a second on average, before `RateLimited`. */
export const cursorReportsPerSecondMax = 1

/** For how long the server gathers reports before it tells connected devices that there are some, in milliseconds. */
export const cursorHintMillis = 1_000

/** The largest text message on the live socket. */
export const liveTextBytesMax = 65_536

/** The largest message that pushes over the live socket; a larger push goes over HTTP. */
export const livePushBytesMax = 262_144

/** Pushes of one live socket that may wait for their answers; the server reads no further until one is answered. */
export const livePushesUnansweredMax = 16

/** Entry bytes waiting for one slow live reader before it is parked and told to pull. */
export const liveBufferedBytesMax = 1_048_576

/** Live sockets one device may hold at once (one syncing tab; a few during a hand-over). */
export const socketsPerDeviceMax = 4

/** How long a challenge may be answered, in milliseconds. */
export const challengeMillisMax = 120_000

/** The lifetime of a master or device token, in milliseconds. It is renewed against the device's signature. */
export const tokenMillis = 15 * 60_000

/** The longest lifetime of a grant, in milliseconds: a year. */
export const grantMillisMax = 365 * 86_400_000

/** Plaintext of this size and above is gzipped before it is sealed, in bytes. */
export const compressBytesMin = 1_024

/** A device that hears nothing on an open live socket for this long sends a ping, in milliseconds. */
export const livePingMillis = 15_000

/** A device that got no answer to a ping for this long treats the socket as dead, in milliseconds. */
export const livePongMillisMax = 10_000

/** Requests one token may make per second, on average, before `RateLimited`. */
export const requestsPerSecondMax = 200

/** The stored bytes one workspace may hold by default: 10 GiB. */
export const workspaceBytesMaxDefault = 10 * 1_073_741_824
