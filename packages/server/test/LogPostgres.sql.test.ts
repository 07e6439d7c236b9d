import { checkpointSuite } from "@tidemark/testing/suites/CheckpointSuite"
import { logSuite } from "@tidemark/testing/suites/LogSuite"
import { rosterSuite } from "@tidemark/testing/suites/RosterSuite"
import { postgresStore } from "./stores.ts"

logSuite("PostgreSQL", postgresStore)
rosterSuite("PostgreSQL", postgresStore())
checkpointSuite("PostgreSQL", postgresStore)
