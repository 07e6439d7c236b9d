/**
 * Every limit of the engine on one device, with its unit in its name. Those both sides share are in protocol's `Limits.ts`.
 *
 * Rules: docs/spec/sync-state.md, docs/spec/pull.md, docs/spec/status.md.
 */

/** The first and the longest wait after a failure, in milliseconds, before jitter. */
export const retryMillisMin = 500
export const retryMillisMax = 32_000

/** How long the engine waits after a refusal or on a log that is not ours before it asks again, in milliseconds. */
export const refusedRetryMillis = 60_000

/** The longest a server that names a time to wait is waited for, in milliseconds: no word of it stops a device for good. */
export const retryAfterMillisMax = 300_000

/** A connection that has lasted so long counts as good, whatever failed before it, in milliseconds [STATE-14]. */
export const connectionMillisMin = 30_000

/** The shortest wait between two askings for the right to refill, in milliseconds. */
export const refillWaitMillisMin = 1_000

/** The shortest and the longest pause between two polls while there is no live socket, in milliseconds. */
export const pollMillisMin = 1_000
export const pollMillisMax = 30_000

/** How often an open socket is doubted and the log asked instead, in milliseconds. */
export const liveProbeMillis = 60_000

/** How long entries known to exist may be missing on an open socket before they are pulled, in milliseconds. */
export const liveGapMillis = 1_000

/** Edits that got no receipt for this long of connected time are shown as stalled, in milliseconds [STATUS-4]. */
export const stalledMillis = 30_000

/** Fewer own edits than this on their way are no progress worth watching [STATUS-12]. */
export const sendingShownMin = 50

/** A device without contact with the server for this long says so, in milliseconds: 7 days [STATUS-11]. */
export const awayMillisMin = 7 * 86_400_000

/** How often contact with the server is written down, in milliseconds. */
export const contactNoteMillis = 3_600_000

/** How long the first device that finds something missing on the server lets others send their own edits, in milliseconds. */
export const refillPatienceMillis = 2_000

/** How often the lease of a refill is asked for, or for more of it, in milliseconds; well below how long it lasts. */
export const refillAskMillis = 5_000

/** The longest wait between two turns with the lease for one doc that others ask for, in milliseconds. */
export const historyWaitMillisMax = 600_000

/** How long a device rests at the head of the log before it makes or judges checkpoints, in milliseconds; up to twice that. */
export const checkpointRestMillis = 2_000

/** How long after it met a checkpoint's place a device looks a second time whether it may be judged, in milliseconds. */
export const checkpointLookMillis = 30_000

/** How long the lease is kept at most until what a doc lacked has been sent, in milliseconds. */
export const historySentMillisMax = 20_000

/** Bytes of found losses put into the outbox in one transaction. */
export const refillAppendBytesMax = 1_048_576

/** After so many failed attempts in a row one answered hello is not yet believed to be better [STATE-14, STATUS-9]. */
export const attemptCountMax = 4

/** How far the next DeviceSeq moves at most on the word of the server alone. No device is that far behind itself. */
export const deviceSeqJumpMax = 1_000_000

/** How long one call to the server, or the opening of a socket, may take, in milliseconds; bytes to move come on top. */
export const callMillisMax = 20_000

/** The slowest line a push or a page is waited for, in bytes a second: each such number of bytes gives a second more. */
export const lineBytesPerSecondMin = 8_000

/** A push or a page that takes longer than this is made smaller, one that takes less than half of it larger, in milliseconds. */
export const transferMillisMax = 10_000

/** The smallest push or page a slow line is given, in bytes. A single entry is sent in any case. */
export const transferBytesMin = 65_536

/** How long one slice's transaction should take at most, in milliseconds. */
export const sliceMillisMax = 20

/**
 * The number of entries in the first slice, and the most in any. The first page is small, so a slice of large entries is no longer than it;
 * a slice has costs of its own (a long text's row is written once for each), which many small edits share.
 */
export const sliceCountStart = 64
export const sliceCountMax = 512

/** How many bytes of entries the engine asks for in one page, at most; it begins with `transferBytesMin`. */
export const pullBytesMax = 1_048_576

/** How long the cursor has to rest before it is reported, and how often it is reported while it keeps moving, in milliseconds. */
export const reportRestMillis = 1_000
export const reportMovingMillis = 5_000

/** The least and the longest time between two questions how far the other devices have come, in milliseconds. */
export const cursorsAskMillisMin = 3_000
export const cursorsAskMillisMax = 60_000

/** For each report that the last answer held the next question waits so long, in milliseconds: verifying one takes about 0.2. */
export const cursorsAskMillisEach = 200

/** Reports and questions about cursors are spread over this time, so that devices that hear the same do not all answer at once. */
export const reportSpreadMillis = 1_000

/** The first and the longest wait after one of them failed, in milliseconds. */
export const reportRetryMillisMin = 5_000
export const reportRetryMillisMax = 60_000

/** Edits with a receipt are remembered until their number lies this far below the newest one that got a receipt. */
export const editNumbersKept = 10_000
