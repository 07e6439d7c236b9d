/**
 * What can go wrong between the page, its worker and the browser. Each carries a sentence for the user.
 *
 * `InsecureContext` comes from `@tidemark/crypto`, where the same cause is found again inside the worker.
 * Rules: docs/spec/browser.md.
 */
import { Schema } from "effect"

/** The browser lacks something Tidemark stands on. Kind: Refused. Nothing was written; update the browser. */
export class BrowserUnsupported extends Schema.TaggedError<BrowserUnsupported>()("BrowserUnsupported", {
  /** The interfaces that are not there, as the web platform names them. */
  missing: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/**
 * The worker ended before it answered. Kind: Unreachable: another worker starts by itself. Where `outcomeUnknown`, the
 * call may or may not have been carried out: look at the rows before repeating it.
 */
export class WorkerStopped extends Schema.TaggedError<WorkerStopped>()("WorkerStopped", {
  outcomeUnknown: Schema.Boolean,
  message: Schema.String
}) {}

/** The worker's answer was none we know: a defect in our code. Stored edits are safe; reload, and report it. */
export class WorkerDefect extends Schema.TaggedError<WorkerDefect>()("WorkerDefect", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** The handle was closed, or this worker has no workspace open. Kind: Refused. Nothing was done; open it again. */
export class WorkspaceClosed extends Schema.TaggedError<WorkspaceClosed>()("WorkspaceClosed", {
  message: Schema.String
}) {}

/** This device holds no workspace of that id: it was never joined here, or was forgotten. Kind: Refused. */
export class WorkspaceNotHere extends Schema.TaggedError<WorkspaceNotHere>()("WorkspaceNotHere", {
  message: Schema.String
}) {}

/** The error of every call that ended with the worker. */
export const workerStopped = (outcomeUnknown: boolean): WorkerStopped =>
  new WorkerStopped({
    outcomeUnknown,
    message: outcomeUnknown
      ? "The background worker stopped and is being started again. Everything stored before is safe. Your last action may or may not have been done: look before you repeat it."
      : "The background worker stopped and is being started again. Everything stored is safe. Try again in a moment."
  })

/** The error of a call on a closed handle. */
export const workspaceClosed = (): WorkspaceClosed =>
  new WorkspaceClosed({ message: "This workspace is closed in this tab. Nothing was changed. Open it again." })
