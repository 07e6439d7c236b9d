/** The worker of a tab: everything that is not the user interface. */
import { runWorker } from "@tidemark/browser/worker"
import { Notes } from "./notes/Notes.ts"

runWorker(Notes)
