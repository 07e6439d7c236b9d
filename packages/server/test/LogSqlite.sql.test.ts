import { checkpointSuite } from "@tidemark/testing/suites/CheckpointSuite"
import { logSuite } from "@tidemark/testing/suites/LogSuite"
import { rosterSuite } from "@tidemark/testing/suites/RosterSuite"
import { sqliteStore } from "./stores.ts"

logSuite("SQLite", sqliteStore)
rosterSuite("SQLite", sqliteStore())
checkpointSuite("SQLite", sqliteStore)
