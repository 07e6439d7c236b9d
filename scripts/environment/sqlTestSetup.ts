/**
 * Vitest's global setup of the `sql` tier: one throwaway PostgreSQL for the whole run.
 *
 * Tests read its address by `inject("postgresUrl")` or from `TIDEMARK_TEST_PG_URL`. A server named there by the caller
 * is used as it is and never stopped. Tests make databases or schemas of their own: files run side by side.
 */
import type { TestProject } from "vitest/node"
import { startThrowawayPostgres } from "./postgres.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** `postgres://user:password@host:port/database` of a superuser. */
    readonly postgresUrl: string
  }
}

/** Starts the server and returns what stops it. A missing server fails the run with the sentence that names it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const named = process.env["TIDEMARK_TEST_PG_URL"]
  if (named !== undefined && named !== "") {
    project.provide("postgresUrl", named)
    return async () => {}
  }
  const postgres = await startThrowawayPostgres()
  process.env["TIDEMARK_TEST_PG_URL"] = postgres.url
  project.provide("postgresUrl", postgres.url)
  return async () => {
    delete process.env["TIDEMARK_TEST_PG_URL"]
    await postgres.stop()
  }
}
