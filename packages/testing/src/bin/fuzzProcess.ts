/** One process of `npm run fuzz`, started by it with a job as its argument. */
import { serveJob } from "../fuzz/ServeJob.ts"
import { targets } from "../fuzz/Targets.ts"

await serveJob(targets)
