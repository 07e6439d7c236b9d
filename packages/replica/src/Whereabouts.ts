/** Where an edit is, as it is told to the page. Rules: docs/spec/receipts.md. */
import { Schema } from "effect"
import { DeviceId, Role, Seq } from "@tidemark/protocol"

/** Why an edit is not on the server yet. `heldBack`: an earlier edit of the same doc was refused. */
export const WaitingWhy = Schema.Literals(["unsealed", "sealed", "catchingUp", "lost", "heldBack"])
export type WaitingWhy = typeof WaitingWhy.Type

/** Where an edit stands with the server. */
export const ServerPlace = Schema.Union([
  /** Durable there. The number is absent for an edit so old that only this is remembered. */
  Schema.TaggedStruct("Stored", { seq: Schema.optionalKey(Seq) }),
  /** Not yet; `message` says why in words. */
  Schema.TaggedStruct("Waiting", { why: WaitingWhy, message: Schema.String }),
  /** The server refused it; it is kept on this device. */
  Schema.TaggedStruct("Refused", { message: Schema.String })
])
export type ServerPlace = typeof ServerPlace.Type

/** Another device, and whether it has the edit. `at`: up to which Seq it said it has the log; 0 before its first report. */
export const DeviceHas = Schema.Struct({ device: DeviceId, has: Schema.Boolean, at: Seq })
export type DeviceHas = typeof DeviceHas.Type

/** How far a device of the workspace has come. */
export const DeviceProgress = Schema.Struct({
  device: DeviceId,
  role: Role,
  isThisDevice: Schema.Boolean,
  /** Up to where it has the log, by its own signed word; absent where it has not said so for the log as it is. */
  at: Schema.optionalKey(Seq),
  /** How many entries of those this device has are missing there; absent where `at` is. */
  behind: Schema.optionalKey(Schema.Int),
  /** When the server got that word, epoch milliseconds by its clock. */
  reportedAt: Schema.optionalKey(Schema.Int)
})
export type DeviceProgress = typeof DeviceProgress.Type

/** Where an edit is. That it is stored on this device is true of every edit that has a name. */
export const Whereabouts = Schema.Struct({
  device: Schema.Literal("stored"),
  server: ServerPlace,
  /** The other devices that are not revoked. None where the edit's number in the log is not known (any more). */
  devices: Schema.Array(DeviceHas)
})
export type Whereabouts = typeof Whereabouts.Type
