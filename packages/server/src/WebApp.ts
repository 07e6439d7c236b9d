/**
 * Serves the built app beside the API: right content types, precompressed files where they exist, and headers that let
 * the page run its own code only.
 *
 * Files under `assets/` carry a hash in their name and are cached for ever; everything else is asked for again each time.
 * A path of the app's router gets `index.html`. Nothing outside the folder is ever read [WEB-1].
 * Rules: docs/spec/server.md.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** No inline script, no foreign code, no framing; WebAssembly for Loro, styles inline for the UI kit. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'"
].join("; ")

/** On every answer of the app. A link's secret stands after `#` and so in no referrer; this keeps the token out too. */
export const securityHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-opener-policy": "same-origin"
} as const

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".map": "application/json; charset=utf-8",
  ".txt": "text/plain; charset=utf-8"
}

/** What a browser may ask for, best first, and the file's suffix. */
const encodings = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" }
] as const

const missingPage =
  "<!doctype html><title>Tidemark</title><h1>The app is not built yet</h1>" +
  "<p>The server runs, but the folder of the built app is missing. Run <code>npm start</code>, which builds it, " +
  "or point <code>--web</code> at a built one.</p>"

/** The segments of a request's path, or `undefined` for one that could leave the folder. */
export const segmentsOf = (url: string): ReadonlyArray<string> | undefined => {
  const path = url.split(/[?#]/)[0] ?? ""
  const segments = path
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => {
      try {
        return decodeURIComponent(segment)
      } catch {
        return ".."
      }
    })
  return segments.some((segment) => segment.startsWith(".") || /[/\\\0]/.test(segment)) ? undefined : segments
}

/** The app's routes: everything that no other route takes. */
export const layer = (folder: string) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path

      const sizeOf = (file: string) =>
        Effect.map(Effect.option(fs.stat(file)), (found) =>
          Option.isSome(found) && found.value.type === "File" ? found.value.size : undefined
        )

      if ((yield* sizeOf(path.join(folder, "index.html"))) === undefined) {
        yield* Effect.logWarning(`app: ${folder} holds no built app; only the API is served`)
      }

      const respond = Effect.fnUntraced(function* (segments: ReadonlyArray<string>, accepted: string) {
        const file = path.join(folder, ...segments)
        const headers = {
          ...securityHeaders,
          "content-type": contentTypes[path.extname(file)] ?? "application/octet-stream",
          "cache-control": segments[0] === "assets" ? "public, max-age=31536000, immutable" : "no-cache",
          vary: "accept-encoding"
        }
        for (const { name, suffix } of encodings) {
          if (!accepted.includes(name) || (yield* sizeOf(file + suffix)) === undefined) continue
          const body = yield* fs.readFile(file + suffix)
          return HttpServerResponse.uint8Array(body, { headers: { ...headers, "content-encoding": name } })
        }
        if ((yield* sizeOf(file)) === undefined) return undefined
        return HttpServerResponse.uint8Array(yield* fs.readFile(file), { headers })
      })

      const notFound = HttpServerResponse.text("There is no such file", { status: 404, headers: securityHeaders })
      const missing = HttpServerResponse.text(missingPage, {
        status: 503,
        headers: { ...securityHeaders, "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }
      })

      yield* router.add(
        "GET",
        "*",
        Effect.gen(function* () {
          const { headers, url } = yield* HttpServerRequest.HttpServerRequest
          const segments = segmentsOf(url)
          if (segments === undefined || segments[0] === "v1") return notFound
          const accepted = headers["accept-encoding"] ?? ""
          const found = segments.length === 0 ? undefined : yield* respond(segments, accepted)
          if (found !== undefined) return found
          // A route of the app's router has no suffix; a missing file has one.
          if (path.extname(segments.at(-1) ?? "") !== "") return notFound
          return (yield* respond(["index.html"], accepted)) ?? missing
        })
      )
    })
  )
