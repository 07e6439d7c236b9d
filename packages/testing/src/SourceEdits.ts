/**
 * Puts a fault into the real program: an edit of its own source text while it is loaded. The rest is what is shipped.
 *
 * For control arms only. An edit whose place is not found ends the process with code 2, so that a control arm never runs an
 * unspoiled program.
 */
import { registerHooks } from "node:module"

/** One edit of one file: the first `from` becomes `to`. */
export interface SourceEdit {
  /** How the path of the edited file ends. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const refuse = (sentence: string): never => {
  process.stderr.write(`${sentence}\n`)
  return process.exit(2)
}

/**
 * Edits every module this thread loads from now on. The answer asserts, once everything is loaded, that each edit was made.
 */
export const editSources = (name: string, edits: ReadonlyArray<SourceEdit>): (() => void) => {
  const made = new Set<SourceEdit>()
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const here = edits.filter(({ file }) => url.endsWith(file))
      if (here.length === 0 || loaded.source === undefined) return loaded
      let source =
        typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source ?? undefined)
      for (const edit of here) {
        if (!source.includes(edit.from))
          refuse(`${edit.file} holds no "${edit.from}": the fault ${name} has lost its place.`)
        source = source.replace(edit.from, () => edit.to)
        made.add(edit)
      }
      return { ...loaded, source }
    }
  })
  return () => {
    if (made.size !== edits.length) refuse(`The fault ${name} was not put in: its file was not loaded.`)
  }
}
