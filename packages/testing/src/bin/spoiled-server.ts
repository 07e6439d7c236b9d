/**
 * The server with one fault of `chaos/Spoil.ts` in it: `node spoiled-server.ts <fault> <flags of the server>`.
 *
 * For control arms only. Ends with code 2 where the fault's place is not found in the source.
 */
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { isSpoilName, spoils } from "../chaos/Spoil.ts"

const main = new URL("../../../../apps/server/src/main.ts", import.meta.url)
const name = process.argv[2] ?? ""

const refuse = (sentence: string): never => {
  console.error(sentence)
  return process.exit(2)
}

if (!isSpoilName(name)) refuse(`No fault is called "${name}". There are: ${Object.keys(spoils).join(", ")}.`)
const edits = isSpoilName(name) ? spoils[name] : []
const made = new Set<(typeof edits)[number]>()

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
      source = source.replace(edit.from, edit.to)
      made.add(edit)
    }
    return { ...loaded, source }
  }
})

process.argv.splice(1, 2, fileURLToPath(main))
await import(main.href)
if (made.size !== edits.length) refuse(`The fault ${name} was not put in: its file was not loaded.`)
