/** Compares what clients were told with a log read afresh from 1 to its head, and with what each reader stored. */
import type { Ledger } from "./Ledger.ts"
import type { LogView } from "./LogView.ts"

const auditAcknowledged = (ledger: Ledger, log: LogView): void => {
  for (const [key, receipt] of ledger.acknowledged) {
    const stored = log.entries[receipt.seq - 1]
    if (stored === undefined || stored.hash !== receipt.hash) {
      ledger.report("lost", `${key}, acknowledged as ${receipt.seq}; the log ends at ${log.seq}`)
    } else if (stored.chain !== receipt.chain) {
      ledger.report("brokenChains", `the receipt of ${key} at ${receipt.seq}`)
    }
  }
}

const auditEntries = (ledger: Ledger, log: LogView): void => {
  const keys = new Set<string>()
  for (const [index, { hash, key }] of log.entries.entries()) {
    if (keys.has(key)) ledger.report("duplicates", `${key} again at ${index + 1}`)
    keys.add(key)
    if (ledger.authored.get(key) !== hash) ledger.report("strangers", `${key} at ${index + 1}`)
  }
}

const auditReader = (ledger: Ledger, log: LogView, reader: LogView): void => {
  for (const [index, { hash }] of reader.entries.entries()) {
    if (log.entries[index]?.hash !== hash) ledger.report("disagreements", `${reader.name} at ${index + 1}`)
  }
  for (const [key, { hash, seq }] of ledger.acknowledged) {
    if (seq <= reader.seq && reader.entries[seq - 1]?.hash !== hash) {
      ledger.report("skipped", `${reader.name} is at ${reader.seq} and never got ${key}`)
    }
  }
}

/** Reports everything that is wrong to the ledger. `log` was read afresh; `readers` followed it through the faults. */
export const audit = (ledger: Ledger, log: LogView, readers: ReadonlyArray<LogView>): void => {
  auditAcknowledged(ledger, log)
  auditEntries(ledger, log)
  for (const reader of readers) auditReader(ledger, log, reader)
}
