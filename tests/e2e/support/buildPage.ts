/**
 * Builds a test's own page as apps build theirs: Vite, an ES worker, Loro left as it is.
 */
import { build } from "vite"

/** Builds the folder `root` (its `index.html`) into `outDir`. */
export const buildPage = async (root: string, outDir: string): Promise<void> => {
  await build({
    root,
    configFile: false,
    logLevel: "error",
    worker: { format: "es" },
    build: { target: "es2022", outDir, emptyOutDir: true, chunkSizeWarningLimit: 4_000 }
  })
}
