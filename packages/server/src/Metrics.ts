/** What the server counts, for `/metrics` in the Prometheus format. No workspace, device or content is ever a label. */
import { Metric } from "effect"

/** Entries stored, repeats not counted. */
export const entriesStored = Metric.counter("tidemark_entries_stored_total", {
  description: "Entries stored",
  incremental: true
})
/** Bytes of those entries. */
export const entryBytesStored = Metric.counter("tidemark_entry_bytes_stored_total", {
  description: "Bytes of stored entries",
  incremental: true
})
/** Transactions that stored them: far fewer than entries under load (group commit). */
export const appendCommits = Metric.counter("tidemark_append_commits_total", {
  description: "Transactions that stored entries",
  incremental: true
})
/** Open live sockets. */
export const liveSockets = Metric.gauge("tidemark_live_sockets", { description: "Open live sockets" })
/** Requests answered, by status class (2xx, 4xx …). */
export const requestsAnswered = Metric.counter("tidemark_requests_total", {
  description: "Requests answered",
  incremental: true
})
