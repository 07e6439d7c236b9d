/**
 * Who may import whom: the directions of the house, as a table, and what each file really imports.
 *
 * `protocol ← sync ← replica ← browser ← react ← web`; `model` and `crypto` stand beside `sync` and meet it only in
 * `replica`; `store-*` implement the ports of `sync`; `protocol ← crypto ← server`. The border that keeps the server a
 * byte store, and the engine blind, is checked on everything reachable, not only on what a file names.
 */
import type { Manifest } from "./Manifest.ts"
import { chainOf, importsOf, isNode, nodesOf } from "./Syntax.ts"
import { type Problem, type TextFile, workspaceOf } from "./Tree.ts"

/** What a workspace's `dependencies` may list; `anyLibrary` for the app, whose interface libraries are its own matter. */
interface Allowed {
  readonly workspaces: ReadonlyArray<string>
  readonly libraries: ReadonlyArray<string> | "anyLibrary"
}

/** The table. A line may grow only with a reason in `docs/decisions`. */
export const allowedByFolder: Readonly<Record<string, Allowed>> = {
  "packages/protocol": { workspaces: [], libraries: ["effect"] },
  "packages/crypto": { workspaces: ["protocol"], libraries: ["effect", "@noble/hashes"] },
  "packages/model": { workspaces: ["protocol"], libraries: ["effect", "loro-crdt"] },
  "packages/sync": { workspaces: ["protocol"], libraries: ["effect"] },
  "packages/store-dexie": { workspaces: ["protocol", "sync"], libraries: ["effect", "dexie"] },
  "packages/store-sqlite": { workspaces: ["protocol", "crypto", "sync"], libraries: ["effect"] },
  "packages/replica": { workspaces: ["protocol", "crypto", "model", "sync"], libraries: ["effect"] },
  "packages/browser": {
    workspaces: ["protocol", "crypto", "model", "sync", "replica", "store-dexie"],
    libraries: ["effect", "dexie", "@effect/platform-browser"]
  },
  "packages/react": {
    workspaces: ["protocol", "model", "browser"],
    libraries: ["effect", "dexie", "dexie-react-hooks", "react"]
  },
  "packages/server": {
    workspaces: ["protocol", "crypto"],
    libraries: ["effect", "jsonwebtoken", "@effect/platform-node", "@effect/sql-pg"]
  },
  "packages/testing": {
    workspaces: ["protocol", "crypto", "model", "sync", "store-sqlite", "replica", "server"],
    libraries: ["effect", "@effect/vitest", "fast-check"]
  },
  "apps/server": { workspaces: ["server"], libraries: ["effect", "@effect/platform-node"] },
  "apps/web": { workspaces: ["protocol", "model", "browser", "react"], libraries: "anyLibrary" }
}

const scope = "@tidemark/"

/** Each `package.json` lists only what its line of the table allows, and each workspace has a line. */
export const manifestProblems = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Problem> =>
  manifests
    .filter((manifest) => manifest.folder !== "")
    .flatMap((manifest) => {
      const allowed = allowedByFolder[manifest.folder]
      const path = `${manifest.folder}/package.json`
      if (allowed === undefined) return [`${path}: no line of the table in tests/tidy/ImportBorders.ts is about it`]
      const names = Object.keys(manifest.dependencies).filter((name) =>
        name.startsWith(scope)
          ? !allowed.workspaces.includes(name.slice(scope.length))
          : allowed.libraries !== "anyLibrary" && !allowed.libraries.includes(name)
      )
      return names.map((name) => `${path}: lists ${name}, which its line of the table does not allow`)
    })

/** `@scope/name/deep/path` and `name/deep/path` belong to the package that `package.json` would list. */
export const packageOfSpecifier = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/** The path a relative specifier means, from the root of the repository, without a query such as `?worker`. */
const resolved = (from: string, specifier: string): string => new URL(specifier, `file:///${from}`).pathname.slice(1)

const whyNotRelative = (file: TextFile, specifier: string): string | undefined => {
  const inside = `${workspaceOf(file.path)}/src/`
  if (!resolved(file.path, specifier).startsWith(inside)) return "leaves its own src folder"
  return /\.[a-z]+(\?[a-z&]+)?$/.test(specifier) ? undefined : "names no file: relative imports end in .ts"
}

const whyNotAllowed = (file: TextFile, specifier: string, manifest: Manifest): string | undefined => {
  if (specifier.startsWith(".")) return whyNotRelative(file, specifier)
  if (specifier.startsWith("node:")) {
    return manifest.isForNode ? undefined : "is Node's, and the package's tsconfig does not ask for Node's types"
  }
  // Modules that a Vite plugin makes while building; only the app is built by Vite.
  if (specifier.startsWith("virtual:") && manifest.folder === "apps/web") return undefined
  const name = packageOfSpecifier(specifier)
  if (name === manifest.name) return "is the package itself: imports inside a package are relative"
  return name in manifest.dependencies ? undefined : "is not among the dependencies of its package.json"
}

/** Each source file imports only its own files, what its package lists, and `node:*` where that is its platform. */
export const importProblems = (
  sources: ReadonlyArray<TextFile>,
  manifests: ReadonlyArray<Manifest>
): ReadonlyArray<Problem> =>
  sources.flatMap((file) => {
    const manifest = manifests.find((one) => one.folder === workspaceOf(file.path))
    if (manifest === undefined) return [`${file.path}: stands in a folder without a package.json`]
    return importsOf(file).flatMap((specifier) => {
      const whyNot = whyNotAllowed(file, specifier, manifest)
      return whyNot === undefined ? [] : [`${file.path}: "${specifier}" ${whyNot}`]
    })
  })

/** Packages that must stay blind, and what they must not reach by any way. */
const blind = { packages: ["@tidemark/sync", "@tidemark/server"], to: ["@tidemark/model", "loro-crdt"] }

/** The first way from `start` to one of `targets`, or `undefined`. */
const wayTo = (
  start: string,
  targets: ReadonlyArray<string>,
  dependenciesOf: (name: string) => ReadonlyArray<string>
): ReadonlyArray<string> | undefined => {
  const seen = new Set([start])
  const ways: Array<ReadonlyArray<string>> = [[start]]
  for (const way of ways) {
    for (const next of dependenciesOf(way.at(-1) ?? start)) {
      if (targets.includes(next)) return [...way, next]
      if (!seen.has(next)) ways.push([...way, next])
      seen.add(next)
    }
  }
  return undefined
}

/** Neither the engine nor the server reaches the model or Loro, through any chain of dependencies, installed ones included. */
export const blindnessProblems = (
  manifests: ReadonlyArray<Manifest>,
  locked: ReadonlyMap<string, ReadonlyArray<string>>
): ReadonlyArray<Problem> => {
  const dependenciesOf = (name: string): ReadonlyArray<string> => {
    const own = manifests.find((manifest) => manifest.name === name)
    return own === undefined ? (locked.get(name) ?? []) : Object.keys(own.dependencies)
  }
  return blind.packages.flatMap((name) => {
    const way = wayTo(name, blind.to, dependenciesOf)
    return way === undefined ? [] : [`${name}: reaches ${blind.to.join(" or ")} by ${way.join(" → ")}`]
  })
}

/** What a platform gives and the platform-free packages must ask for by a port or an Effect service instead. */
const platformNames = new Set([
  ...["window", "document", "navigator", "self", "location", "localStorage", "sessionStorage", "indexedDB", "caches"],
  ...["fetch", "WebSocket", "Worker", "SharedWorker", "BroadcastChannel", "XMLHttpRequest", "EventSource"],
  ...[
    "process",
    "Buffer",
    "require",
    "setTimeout",
    "setInterval",
    "setImmediate",
    "requestAnimationFrame",
    "globalThis"
  ]
])

/** Packages without a platform: they run in a page, a worker, Node and the simulated world alike. */
const platformFree = ["packages/sync/src/", "packages/protocol/src/"]

/** No platform-free file calls, constructs or reads from what only a platform has. */
export const platformProblems = (sources: ReadonlyArray<TextFile>): ReadonlyArray<Problem> =>
  sources
    .filter((file) => platformFree.some((folder) => file.path.startsWith(folder)))
    .flatMap((file) => {
      const used = nodesOf(file).flatMap((node) => {
        const isCall = node.type === "CallExpression" || node.type === "NewExpression"
        const subject = isCall ? node["callee"] : node.type === "MemberExpression" ? node["object"] : undefined
        if (!isNode(subject) || subject.type !== "Identifier") return []
        return chainOf(subject).filter((name) => platformNames.has(name))
      })
      return [...new Set(used)].map((name) => `${file.path}: uses ${name}, which belongs to a platform`)
    })
