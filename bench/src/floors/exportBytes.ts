/**
 * What W4's edits weigh at the least: one Loro export of 20,000 edits in 200 commits, plain and compressed as far as it goes.
 *
 *   node bench/src/floors/exportBytes.ts [--data FOLDER]
 */
import { LoroDoc } from "loro-crdt"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"
import { loroTextClient } from "../systems/loroText.ts"
import { readTrace } from "../Trace.ts"

const edits = 20_000
const editsPerCommit = 100

const { values } = parseArgs({ options: { data: { type: "string" } } })
const trace = readTrace(values.data ?? join(import.meta.dirname, "..", "..", "..", "..", "shared", "data"))

/** The edits from one to another, typed by a device of its own, as the others are sent them. */
const exportOf = (before: Uint8Array | undefined, from: number) => {
  const doc = new LoroDoc()
  if (before !== undefined) doc.import(before)
  const start = doc.oplogVersion()
  const commit = (change: () => void): void => {
    change()
    doc.commit()
  }
  const client = loroTextClient({ doc, commit, onChange: () => undefined })
  for (let at = from; at < from + edits; at += editsPerCommit)
    void client.edit(trace.edits.slice(at, at + editsPerCommit))
  return doc.export({ mode: "update", from: start })
}

const kilobytes = (bytes: Uint8Array): string => (bytes.length / 1_000).toFixed(1)

const out = exportOf(undefined, 0)
const back = exportOf(out, edits)
console.log(`trace: ${trace.name}; kB of one export of ${edits} edits`)
for (const [name, update] of Object.entries({ out, back })) {
  const brotli = brotliCompressSync(update, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 }
  })
  const line = [
    `plain ${kilobytes(update)}`,
    `gzip -6 ${kilobytes(gzipSync(update))}`,
    `gzip -9 ${kilobytes(gzipSync(update, { level: 9 }))}`,
    `brotli -11 ${kilobytes(brotli)}`
  ]
  console.log(`  ${name.padEnd(5)} ${line.join(", ")}`)
}
