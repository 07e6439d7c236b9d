/**
 * How far the other devices have stored the log, as they said themselves. Pure.
 *
 * A report is believed where the device signed it (the caller has checked that), it means our log, it is not beyond the head
 * the server named with it, and its chain is ours wherever we know that place [CURSOR-6]. Rules: docs/spec/receipts.md.
 */
import { Schema } from "effect"
import { Cursor, DeviceId, type Seq } from "@tidemark/protocol"
import type { Marks } from "./internal/marks.ts"

/** A device's last report. `at`: when the server got it, by its clock, epoch milliseconds. */
export const DevicePlace = Schema.Struct({ device: DeviceId, cursor: Cursor, at: Schema.Int })
export type DevicePlace = typeof DevicePlace.Type

/** What is stored of the other devices. */
export const DevicePlaces = Schema.Array(DevicePlace)
export type DevicePlaces = typeof DevicePlaces.Type

/** What a device knows of the log itself. */
export interface KnownLog {
  readonly cursor: Cursor | undefined
  readonly marks: Marks | undefined
}

/**
 * What is known after an answer: a later report takes the place of an earlier one; one that the server does not have any more
 * stays.
 */
export const meetReports = (
  known: KnownLog,
  before: DevicePlaces,
  answer: { readonly head: Seq; readonly cursors: DevicePlaces }
): DevicePlaces => {
  const sound = answer.cursors.filter(({ cursor }) => cursor.seq <= answer.head && isOfOurLog(known, cursor))
  const named = new Set(sound.map(({ device }) => device))
  return [...before.filter(({ cursor, device }) => !named.has(device) && isOfOurLog(known, cursor)), ...sound]
}

/** What remains where the log is ours only up to `common`: who reported more was in a log that is gone. */
export const placesUpTo = (places: DevicePlaces, common: Cursor): DevicePlaces =>
  places.filter(({ cursor }) => cursor.logId === common.logId && cursor.seq <= common.seq)

const isOfOurLog = ({ cursor: own, marks }: KnownLog, { chain, logId, seq }: Cursor): boolean => {
  if (own === undefined || logId !== own.logId) return false
  if (seq === own.seq) return chain === own.chain
  const mark = marks?.logId === logId ? marks.places.find((place) => place.seq === seq) : undefined
  return mark === undefined || mark.chain === chain
}
