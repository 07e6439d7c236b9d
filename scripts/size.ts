/**
 * `npm run size`: builds the app as it ships and tells where the bytes of its worker come from. Exits with 1 where a target is
 * missed.
 *
 * What counts is what the worker loads to start: its file, and the chunks it imports at once. Bytes are attributed by the
 * source maps; a package's gzip is that of its own bytes alone, so the packages add up to a little more than the whole.
 * `--json` prints the two figures that have targets, and nothing else; `--modules` adds a table of the engine's modules, each with what
 * leaving it out would save.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build, type Plugin } from "vite"
import { bytesBySource } from "./bytesBySource.ts"

/** The engine's own packages, without Effect, Dexie and WebAssembly. */
const enginePackages = ["protocol", "sync", "crypto", "model", "replica", "store-dexie", "browser"]

/** In bytes of gzip, level 9. */
const targets = { engineGzipBytes: 60_000, workerGzipBytes: 180_000 } as const

interface Chunk {
  readonly name: string
  readonly code: string
  readonly isEntry: boolean
  readonly imports: ReadonlyArray<string>
  readonly sources: ReadonlyMap<string, string>
}

const gzipBytes = (text: string): number => gzipSync(text, { level: 9 }).length

/** The worker's chunks, as they are written. */
const collect = (chunks: Array<Chunk>): Plugin => ({
  name: "tidemark-size",
  generateBundle(_options, bundle) {
    for (const one of Object.values(bundle)) {
      if (one.type !== "chunk") continue
      const { code, fileName, imports, isEntry, map } = one
      if (map === null) throw new Error(`${fileName} has no source map`)
      chunks.push({ name: fileName, code, isEntry, imports, sources: bytesBySource(code, map) })
    }
  }
})

/** The package a source belongs to: ours by its folder, others by theirs in `node_modules`. */
const packageOf = (source: string): string => {
  const outside = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]
  return outside ?? /packages\/([^/]+)\//.exec(source)?.[1] ?? "app and bundler"
}

const buildWorker = async (): Promise<ReadonlyArray<Chunk>> => {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-size-"))
  const root = join(import.meta.dirname, "..", "apps", "web")
  const chunks: Array<Chunk> = []
  try {
    await build({
      root,
      configFile: join(root, "vite.config.ts"),
      logLevel: "error",
      build: { outDir: folder, emptyOutDir: true, sourcemap: "hidden" },
      worker: { format: "es", plugins: () => [collect(chunks)] }
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return chunks
}

/** The entry, and all that it imports at once. */
const startOf = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Chunk> => {
  const byName = new Map(chunks.map((chunk) => [chunk.name, chunk]))
  const reached = new Set(chunks.filter(({ isEntry }) => isEntry))
  // A set grows while it is walked.
  for (const { imports } of reached) for (const name of imports) reached.add(byName.get(name) ?? missing(name))
  return [...reached]
}

const missing = (name: string): never => {
  throw new Error(`The worker imports ${name}, which was not built`)
}

const kilobytes = (bytes: number): string => (bytes / 1_000).toFixed(1).padStart(8)

const chunks = await buildWorker()
const start = startOf(chunks)
const byPackage = new Map<string, string>()
for (const { sources } of start) {
  for (const [source, text] of sources) {
    const name = packageOf(source)
    byPackage.set(name, (byPackage.get(name) ?? "") + text)
  }
}
const engineText = enginePackages.map((name) => byPackage.get(name) ?? "").join("")
const found = {
  engineGzipBytes: gzipBytes(engineText),
  workerGzipBytes: start.reduce((sum, { code }) => sum + gzipBytes(code), 0)
}
const isMissed = found.engineGzipBytes > targets.engineGzipBytes || found.workerGzipBytes > targets.workerGzipBytes

if (process.argv.includes("--json")) console.log(JSON.stringify(found))
else {
  console.log("The worker at its start, kB:     raw     gzip")
  for (const [name, text] of [...byPackage].toSorted(([, a], [, b]) => b.length - a.length)) {
    console.log(`  ${name.padEnd(26)}${kilobytes(text.length)} ${kilobytes(gzipBytes(text))}`)
  }
  const later = chunks.filter((chunk) => !start.includes(chunk))
  for (const { code, name } of later)
    console.log(`  later: ${name} ${kilobytes(code.length)} ${kilobytes(gzipBytes(code))}`)
  const line = (what: string, bytes: number, max: number) =>
    console.log(
      `${what.padEnd(28)}${kilobytes(bytes)} kB gzip, at most ${max / 1_000}: ${bytes <= max ? "met" : "MISSED"}`
    )
  line("the engine's own code", found.engineGzipBytes, targets.engineGzipBytes)
  line("the whole worker", found.workerGzipBytes, targets.workerGzipBytes)
  const laterBytes = later.reduce((sum, { code }) => sum + gzipBytes(code), 0)
  console.log(`with what is loaded later   ${kilobytes(found.workerGzipBytes + laterBytes)} kB gzip`)
}
if (process.argv.includes("--modules")) {
  console.log("The engine's modules, bytes:      raw  gzip saved")
  const saved = (text: string) => found.engineGzipBytes - gzipBytes(engineText.replace(text, ""))
  const modules = start
    .flatMap(({ sources }) => [...sources])
    .filter(([source]) => enginePackages.includes(packageOf(source)))
    .map(([source, text]) => ({ name: source.replace(/.*packages\//, ""), raw: text.length, saved: saved(text) }))
  for (const one of modules.toSorted((a, b) => b.saved - a.saved))
    console.log(`  ${one.name.padEnd(48)}${String(one.raw).padStart(8)}${String(one.saved).padStart(8)}`)
}
process.exitCode = isMissed ? 1 : 0
