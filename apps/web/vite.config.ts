/**
 * Builds the app: one page, one worker, one service worker, everything from our own server.
 *
 * The service worker precaches the whole built app, so that it opens without a network after the first visit; it never
 * touches `/v1`. Each text file is also written as `.br` and `.gz`, which the server sends as they are.
 */
import { tanstackRouter } from "@tanstack/router-plugin/vite"
import terser from "@rollup/plugin-terser"
import react from "@vitejs/plugin-react"
import { readdir, readFile, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { defineConfig, type Plugin } from "vite"
import { VitePWA } from "vite-plugin-pwa"

/** Where `npm run dev` serves the API while Vite serves the page. */
const devServer = "http://127.0.0.1:8787"

/** Larger than any file of the app: Loro's WebAssembly has about 3 MB. */
const precacheBytesMax = 16 * 1024 * 1024

/** Paths that belong to the server and must never be answered by the app's page. */
const serverPaths = [/^\/v1(\/|$)/, /^\/health$/, /^\/metrics$/, /^\/openapi\.json$/]

/** Writes `x.br` and `x.gz` beside every text file of the build, where that makes it smaller. */
const precompress = (): Plugin => {
  const brotli = promisify(brotliCompress)
  const zip = promisify(gzip)
  let folder = ""
  return {
    name: "tidemark-precompress",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir)
    },
    closeBundle: {
      // After the service worker was written.
      order: "post",
      sequential: true,
      async handler() {
        const names = await readdir(folder, { recursive: true })
        for (const name of names.filter((one) => /\.(html|js|css|svg|wasm|webmanifest)$/.test(one))) {
          const file = join(folder, name)
          const bytes = await readFile(file)
          const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
          const made = { br: await brotli(bytes, { params }), gz: await zip(bytes, { level: 9 }) }
          for (const [suffix, smaller] of Object.entries(made)) {
            if (smaller.length < bytes.length) await writeFile(`${file}.${suffix}`, smaller)
          }
        }
      }
    }
  }
}

export default defineConfig({
  plugins: [
    // No splitting by route: the whole app is precached anyway, and one file cannot miss its other half after an update.
    tanstackRouter({ target: "react", quoteStyle: "double", semicolons: false, autoCodeSplitting: false }),
    react(),
    VitePWA({
      // Our own code registers it and offers a new version; nothing reloads by itself.
      injectRegister: false,
      registerType: "prompt",
      // The patterns below find the icons already.
      includeManifestIcons: false,
      filename: "sw.js",
      manifestFilename: "manifest.webmanifest",
      manifest: {
        id: "/",
        name: "Tidemark Notes",
        short_name: "Tidemark",
        description: "Tasks and contacts that live on your device and sync sealed.",
        start_url: "/",
        scope: "/",
        display: "standalone",
        background_color: "#f6f9f9",
        theme_color: "#1b6b79",
        icons: [
          { src: "/mark.svg", type: "image/svg+xml", sizes: "any" },
          { src: "/icon-192.png", type: "image/png", sizes: "192x192" },
          { src: "/icon-512.png", type: "image/png", sizes: "512x512" },
          { src: "/icon-maskable-512.png", type: "image/png", sizes: "512x512", purpose: "maskable" }
        ]
      },
      workbox: {
        globPatterns: ["**/*.{html,js,css,wasm,svg,png,webmanifest}"],
        maximumFileSizeToCacheInBytes: precacheBytesMax,
        // Names under assets/ carry a hash, so their address says which version they are.
        dontCacheBustURLsMatching: /^assets\//,
        navigateFallback: "/index.html",
        navigateFallbackDenylist: serverPaths,
        cleanupOutdatedCaches: true,
        // The first visit is served by the new worker at once, so that even it survives a lost network.
        clientsClaim: true,
        skipWaiting: false,
        inlineWorkboxRuntime: true
      }
    }),
    precompress()
  ],
  // Dexie's own build for browsers of today: the one a plain import takes is ES5.
  resolve: { alias: [{ find: /^dexie$/, replacement: "dexie/dist/modern/dexie.mjs" }] },
  build: { target: "es2022", chunkSizeWarningLimit: 4_000 },
  worker: {
    format: "es",
    // Before the bundler's own minifier: together they leave 1.5 % less than it alone.
    plugins: () => [terser({ module: true, ecma: 2020 })],
    rolldownOptions: {
      treeshake: { propertyReadSideEffects: false },
      // One file to start with: in pieces, their lists of names weigh more than all rare parts together.
      output: { codeSplitting: { groups: [{ name: "worker-start", tags: ["$initial"] }] } }
    }
  },
  optimizeDeps: {
    // Loro finds its WebAssembly beside its own module.
    exclude: ["loro-crdt"],
    // Named here because Vite does not look into workers before it starts, and a late find reloads the page.
    include: [
      "effect",
      "effect/encoding",
      "effect/http-api",
      "effect/rpc",
      "effect/socket",
      "@effect/platform-browser/BrowserWorker",
      "@effect/platform-browser/BrowserWorkerRunner",
      "@noble/hashes/hmac.js",
      "@noble/hashes/sha2.js",
      "dexie/dist/modern/dexie.mjs"
    ]
  },
  server: { proxy: { "/v1": { target: devServer, ws: true }, "/health": devServer } }
})
