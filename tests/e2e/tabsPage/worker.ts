/** The worker of the page that the tests of tabs and workers open. */
import { runWorker } from "@tidemark/browser/worker"
import { Notes } from "./Notes.ts"

runWorker(Notes)
