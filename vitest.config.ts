/**
 * The tiers of our tests, told apart by the suffix of the file.
 *
 * - `fast`: `x.test.ts`, no I/O, the whole tier in seconds.
 * - `tidy`: `tests/tidy`, rules about the source itself.
 * - `sim`: `x.sim.test.ts`, simulated devices, network and server.
 * - `sql`: `x.sql.test.ts`, SQLite files and a throwaway PostgreSQL (`inject("postgresUrl")`, `TIDEMARK_TEST_PG_URL`).
 * - `browser`: `x.browser.test.ts`, the built app in Chromium (`inject("chromiumPath")`, `TIDEMARK_TEST_CHROMIUM`).
 *
 * No tier repeats a failed test: a test that fails now and then has found something.
 */
import { defineConfig } from "vitest/config"

/** Every place tests live in; what a tier takes from them is decided by its suffix. */
const testFolders = ["packages/*/test/**", "apps/*/test/**", "tests/**", "scripts/**"]

const testFiles = (suffix: string): Array<string> => testFolders.map((folder) => `${folder}/*${suffix}.{ts,tsx}`)

const slowSuffixes = [".sim.test", ".sql.test", ".browser.test"]

const never = ["**/node_modules/**", "**/dist/**", "**/.types/**"]

export default defineConfig({
  test: {
    retry: 0,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "fast",
          include: testFiles(".test"),
          exclude: [...never, "tests/tidy/**", ...slowSuffixes.flatMap(testFiles)],
          // Ends what hangs; a property test on a busy machine is only slow.
          testTimeout: 60_000
        }
      },
      {
        // One worker for all: the tree is read and parsed once.
        test: {
          name: "tidy",
          isolate: false,
          include: ["tests/tidy/**/*.test.ts"],
          exclude: never,
          testTimeout: 20_000
        }
      },
      {
        test: { name: "sim", include: testFiles(".sim.test"), exclude: never, testTimeout: 120_000 }
      },
      {
        test: {
          name: "sql",
          include: testFiles(".sql.test"),
          exclude: never,
          globalSetup: ["scripts/environment/sqlTestSetup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        test: {
          name: "browser",
          include: testFiles(".browser.test"),
          exclude: never,
          globalSetup: ["scripts/environment/browserTestSetup.ts"],
          // One browser at a time: two would compete for the cores that their time limits assume.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      }
    ]
  }
})
