import { checkpointSuite } from "@tidemark/testing/suites/CheckpointSuite"
import { logSuite } from "@tidemark/testing/suites/LogSuite"
import { rosterSuite } from "@tidemark/testing/suites/RosterSuite"
import { memoryStore } from "./stores.ts"

logSuite("memory", memoryStore)
rosterSuite("memory", memoryStore())
checkpointSuite("memory", memoryStore)
