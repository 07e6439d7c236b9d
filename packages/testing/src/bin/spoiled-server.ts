/**
 * The server with one fault of `chaos/Spoil.ts` in it: `node spoiled-server.ts <fault> <flags of the server>`.
 *
 * For control arms only. Ends with code 2 where the fault's place is not found in the source.
 */
import { fileURLToPath } from "node:url"
import { isSpoilName, spoils } from "../chaos/Spoil.ts"
import { editSources } from "../SourceEdits.ts"

const main = new URL("../../../../apps/server/src/main.ts", import.meta.url)
const name = process.argv[2] ?? ""

if (!isSpoilName(name)) {
  console.error(`No fault is called "${name}". There are: ${Object.keys(spoils).join(", ")}.`)
  process.exit(2)
}
const assertEdited = editSources(name, spoils[name])
process.argv.splice(1, 2, fileURLToPath(main))
await import(main.href)
assertEdited()
