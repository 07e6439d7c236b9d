/** The Tidemark server as its own program starts it: over SQLite, or over the PostgreSQL that `DATABASE_URL` names. */
import { join } from "node:path"

const program = new URL("../../../apps/server/src/main.ts", import.meta.url)
process.argv.splice(
  1,
  process.argv.length,
  program.pathname,
  ...["--port", process.env["PORT"] ?? "0"],
  ...["--data", join(process.env["FOLDER"] ?? ".", "data")],
  // One machine plays a thousand devices in here.
  ...["--requests-per-second-max", "1000000"]
)
await import(program.href)
