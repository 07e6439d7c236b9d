/**
 * Versions are exact, and one library has one version: the Effect modules we use move only together.
 */
import type { Manifest } from "./Manifest.ts"
import type { Problem } from "./Tree.ts"

const isExact = (version: string): boolean => /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)

const pathOf = (manifest: Manifest): string =>
  manifest.folder === "" ? "package.json" : `${manifest.folder}/package.json`

/** Ranges, and libraries that two workspaces want in two versions. */
export const versionProblems = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Problem> => {
  const firstByName = new Map<string, readonly [path: string, version: string]>()
  return manifests.flatMap((manifest) =>
    manifest.versions.flatMap(([name, version]) => {
      const path = pathOf(manifest)
      const first = firstByName.get(name)
      if (first === undefined) firstByName.set(name, [path, version])
      if (!isExact(version)) return [`${path}: ${name} is "${version}"; versions are exact`]
      return first === undefined || first[1] === version
        ? []
        : [`${path}: ${name} is ${version}, but ${first[1]} in ${first[0]}`]
    })
  )
}
