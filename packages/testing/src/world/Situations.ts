/**
 * What the World is for: the kinds of fault it makes, and the rare situations that have to have been reached [WORLD-9].
 *
 * Each is counted under its name where it occurs; `npm run sim` with 1,000 seeds or more fails where one of them has a count
 * of 0. Rules: docs/spec/world.md.
 */

/** Every kind of fault. */
export const faultKinds: ReadonlyArray<string> = [
  "crashes: device",
  "crashes: tab",
  "fault: another server answers",
  "fault: answer lost",
  "fault: clock of a device jumps",
  "fault: clock of the server jumps",
  "fault: device copied",
  "fault: device went back in time",
  "fault: frame lost",
  "fault: hangUp lost",
  "fault: partition",
  "fault: quota of the server used up",
  "fault: request lost",
  "fault: request repeated",
  "fault: server disk full for a while",
  "fault: server replaced with another secret",
  "fault: server restart",
  "fault: server restored from a copy",
  "fault: server wiped",
  "fault: store aborted",
  "fault: store full for a while",
  "fault: store full",
  "fault: store read",
  "fault: store unknown",
  "fault: tab closed",
  "fault: tab frozen"
]

/** What happens seldom, and is where engines go wrong. */
export const rareSituations: ReadonlyArray<string> = [
  "situation: Synced with a server that forgot",
  "situation: a list of members came back that went another way",
  "situation: admit answered RosterMoved",
  "situation: copy became a device of its own",
  "situation: copy met in the log",
  "situation: copy wrote its operations again",
  "situation: an older copy than the last came back",
  "situation: comparison with a forgetful server begun",
  "situation: comparison with a forgetful server ended",
  "situation: device opens a link",
  "situation: entry ahead of the roster",
  "situation: entry held whose author the server has forgotten",
  "situation: grant answered RosterMoved",
  "situation: held parts joined",
  "situation: item in parts",
  "situation: item refused as quotaFull",
  "situation: item refused as revoked",
  "situation: item renumbered",
  "situation: item settled by the log, not by its receipt",
  "situation: last common position is a place in the middle",
  "situation: last common position is the beginning",
  "situation: last common position is the server's head",
  "situation: lease given back",
  "situation: list of members handed to the server",
  "situation: lists of members united",
  "situation: lock taken from a living tab",
  "situation: lost operations put into the outbox",
  "situation: only a device that knows nothing of the loss is there",
  "situation: operations that only a revoked device has",
  "situation: out with whoever let it in",
  "situation: own edit found in the log that had forgotten its receipt",
  "situation: owner revokes a device",
  "situation: parked reader told to pull",
  "situation: part held",
  "situation: push answered Forbidden",
  "situation: push answered Unauthorized revoked",
  "situation: re-sent entry deduplicated",
  "situation: reader tried to write",
  "situation: refill lease granted",
  "situation: refill lease held by another",
  "situation: renew answered Unauthorized revoked",
  "situation: restored server grew past its old head",
  "situation: revoke answered RosterMoved",
  "situation: server died after the commit of a push",
  "situation: server died before the commit of a push",
  "situation: server had no room to store",
  "situation: server lost entries",
  "situation: server lost the end of the list of members",
  "situation: slow reader parked",
  "situation: sync ended by FenceLost",
  "situation: tail folded",
  "situation: the other server answers again",
  "situation: write refused by a full store"
]

/** Of these, the ones no report has met. */
export const neverMet = (counts: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  [...faultKinds, ...rareSituations].filter((name) => (counts.get(name) ?? 0) === 0)
