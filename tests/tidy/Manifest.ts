/**
 * The parts of `package.json`, `tsconfig.json` and the lockfile that the checks look at.
 */
import { Schema } from "effect"
import type { TextFile } from "./Tree.ts"

const Versions = Schema.optionalKey(Schema.Record(Schema.String, Schema.String))

const PackageJson = Schema.Struct({
  name: Schema.String,
  dependencies: Versions,
  devDependencies: Versions,
  peerDependencies: Versions,
  optionalDependencies: Versions
})

const TsConfig = Schema.Struct({
  compilerOptions: Schema.optionalKey(Schema.Struct({ types: Schema.optionalKey(Schema.Array(Schema.String)) }))
})

const LockedPackage = Schema.Struct({ dependencies: Versions })

const Lockfile = Schema.Struct({ packages: Schema.Record(Schema.String, LockedPackage) })

/** One workspace: where it is, what it is called, what it lists. */
export interface Manifest {
  /** The folder from the root, such as `packages/sync`; empty for the root itself. */
  readonly folder: string
  readonly name: string
  /** What the code that ships may import. */
  readonly dependencies: Readonly<Record<string, string>>
  /** Every version written anywhere in the file. */
  readonly versions: ReadonlyArray<readonly [name: string, version: string]>
  /** True when its tsconfig asks for Node's types; only then may it import `node:*`. */
  readonly isForNode: boolean
}

const decodePackage = Schema.decodeUnknownSync(Schema.fromJsonString(PackageJson))
const decodeTsConfig = Schema.decodeUnknownSync(Schema.fromJsonString(TsConfig))
const decodeLockfile = Schema.decodeUnknownSync(Schema.fromJsonString(Lockfile))

/** The workspaces among `files`, the root included. */
export const manifestsOf = (files: ReadonlyArray<TextFile>): ReadonlyArray<Manifest> =>
  files
    .filter((file) => /^((packages|apps)\/[^/]+\/)?package\.json$/.test(file.path))
    .map((file) => {
      const folder = file.path.slice(0, -"/package.json".length)
      const manifest = decodePackage(file.text)
      const tsConfig = files.find((other) => other.path === `${folder}/tsconfig.json`)
      const types = tsConfig === undefined ? [] : (decodeTsConfig(tsConfig.text).compilerOptions?.types ?? [])
      const lists = [manifest.dependencies, manifest.devDependencies, manifest.peerDependencies]
      return {
        folder: folder === "package.json" ? "" : folder,
        name: manifest.name,
        dependencies: manifest.dependencies ?? {},
        versions: [...lists, manifest.optionalDependencies].flatMap((list) => Object.entries(list ?? {})),
        isForNode: types.includes("node")
      }
    })

/** What each installed package depends on, by name, from the text of a lockfile. */
export const lockedDependencies = (lockfile: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const byName = new Map<string, ReadonlyArray<string>>()
  for (const [path, locked] of Object.entries(decodeLockfile(lockfile).packages)) {
    const name = path.split("node_modules/").at(-1) ?? path
    byName.set(name, [...(byName.get(name) ?? []), ...Object.keys(locked.dependencies ?? {})])
  }
  return byName
}
