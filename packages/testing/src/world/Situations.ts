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
  "fault: answer lost",
  "fault: frame lost",
  "fault: hangUp lost",
  "fault: partition",
  "fault: request lost",
  "fault: request repeated",
  "fault: server restart",
  "fault: store aborted",
  "fault: store full",
  "fault: store read",
  "fault: store unknown",
  "fault: tab closed",
  "fault: tab frozen"
]

/** What happens seldom, and is where engines go wrong. */
export const rareSituations: ReadonlyArray<string> = [
  "situation: admit answered RosterMoved",
  "situation: device opens a link",
  "situation: entry ahead of the roster",
  "situation: grant answered RosterMoved",
  "situation: held parts joined",
  "situation: item in parts",
  "situation: item refused as revoked",
  "situation: item renumbered",
  "situation: item settled by the log, not by its receipt",
  "situation: lease given back",
  "situation: lock taken from a living tab",
  "situation: owner revokes a device",
  "situation: parked reader told to pull",
  "situation: part held",
  "situation: push answered Forbidden",
  "situation: push answered Unauthorized revoked",
  "situation: re-sent entry deduplicated",
  "situation: reader tried to write",
  "situation: renew answered Unauthorized revoked",
  "situation: revoke answered RosterMoved",
  "situation: server died after the commit of a push",
  "situation: server died before the commit of a push",
  "situation: slow reader parked",
  "situation: sync ended by FenceLost",
  "situation: tail folded"
]

/** Of these, the ones no report has met. */
export const neverMet = (counts: ReadonlyMap<string, number>): ReadonlyArray<string> =>
  [...faultKinds, ...rareSituations].filter((name) => (counts.get(name) ?? 0) === 0)
