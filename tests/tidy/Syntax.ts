/**
 * Reads TypeScript as syntax, with the parser that Vite ships, so that checks do not mistake a comment or a string for code.
 */
import { parseSync } from "vite"
import type { TextFile } from "./Tree.ts"

/** A node of the ESTree that the parser returns; its fields depend on its type. */
export interface SyntaxNode {
  readonly type: string
  readonly [field: string]: unknown
}

/** True for anything that looks like a node. */
export const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

function* nodesUnder(value: unknown): Generator<SyntaxNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesUnder(item)
  } else if (isNode(value)) {
    yield value
    for (const field of Object.values(value)) if (typeof field === "object") yield* nodesUnder(field)
  }
}

const nodesByFile = new WeakMap<TextFile, ReadonlyArray<SyntaxNode>>()

/** Every node of a file in the order of the source. Throws when the file does not parse: then no check means anything. */
export const nodesOf = (file: TextFile): ReadonlyArray<SyntaxNode> => {
  const known = nodesByFile.get(file)
  if (known !== undefined) return known
  const { errors, program } = parseSync(file.path, file.text)
  if (errors.length > 0) throw new Error(`${file.path} does not parse: ${errors[0]?.message}`)
  const nodes = [...nodesUnder(program)]
  nodesByFile.set(file, nodes)
  return nodes
}

/** The text of a string literal, or of a template up to its first hole; `undefined` for anything else. */
export const literalText = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"]
  if (node.type !== "TemplateLiteral" || !Array.isArray(node["quasis"])) return undefined
  const first: unknown = node["quasis"][0]
  const value = isNode(first) ? first["value"] : undefined
  if (typeof value !== "object" || value === null || !("cooked" in value)) return undefined
  return typeof value.cooked === "string" ? value.cooked : undefined
}

/** The name of an identifier node, or `undefined`. */
export const nameOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === "Identifier" && typeof node["name"] === "string" ? node["name"] : undefined

/** The names along a callee: `it.effect.each(cases)` gives `["it", "effect", "each"]`. Empty when it is no plain chain. */
export const chainOf = (node: unknown): ReadonlyArray<string> => {
  if (!isNode(node)) return []
  if (node.type === "CallExpression") return chainOf(node["callee"])
  if (node.type === "MemberExpression") {
    const property = nameOf(node["property"])
    const before = chainOf(node["object"])
    return property === undefined || before.length === 0 ? [] : [...before, property]
  }
  const name = nameOf(node)
  return name === undefined ? [] : [name]
}

/** The modules a file names: imports, re-exports, dynamic imports and types imported in place. */
export const importsOf = (file: TextFile): ReadonlyArray<string> => {
  const importing = new Set([
    "ImportDeclaration",
    "ExportNamedDeclaration",
    "ExportAllDeclaration",
    "ImportExpression",
    "TSImportType"
  ])
  return nodesOf(file).flatMap((node) => {
    const specifier = importing.has(node.type) ? literalText(node["source"]) : undefined
    return specifier === undefined ? [] : [specifier]
  })
}

const namesDeclared = (declaration: unknown): ReadonlyArray<string> => {
  if (!isNode(declaration)) return []
  if (declaration.type === "VariableDeclaration" && Array.isArray(declaration["declarations"])) {
    return declaration["declarations"].flatMap((one: unknown) => (isNode(one) ? (nameOf(one["id"]) ?? []) : []))
  }
  return nameOf(declaration["id"]) === undefined ? [] : [nameOf(declaration["id"]) ?? ""]
}

/** The names a file exports under which it defines them itself; what it passes on from elsewhere is the other's matter. */
export const exportsOf = (file: TextFile): ReadonlyArray<string> =>
  nodesOf(file).flatMap((node) => {
    if (node.type !== "ExportNamedDeclaration" || node["source"] !== null) return []
    const listed = Array.isArray(node["specifiers"]) ? node["specifiers"] : []
    const names = listed.flatMap((one: unknown) => (isNode(one) ? (nameOf(one["exported"]) ?? []) : []))
    return [...namesDeclared(node["declaration"]), ...names]
  })

/** A call of `it`, `test`, `describe` or one of their variants, with its title where that is a literal. */
export interface TestCall {
  readonly chain: ReadonlyArray<string>
  readonly title: string | undefined
  readonly options: ReadonlyArray<string>
}

const testNames = new Set(["it", "test", "describe", "suite", "bench"])

const optionNames = (argument: unknown): ReadonlyArray<string> => {
  if (!isNode(argument) || argument.type !== "ObjectExpression" || !Array.isArray(argument["properties"])) return []
  return argument["properties"].flatMap((one: unknown) => (isNode(one) ? (nameOf(one["key"]) ?? []) : []))
}

/** Every call that names a test or a group of tests, in the order of the source. */
export const testCallsOf = (file: TextFile): ReadonlyArray<TestCall> =>
  nodesOf(file).flatMap((node) => {
    if (node.type !== "CallExpression" || !Array.isArray(node["arguments"])) return []
    const chain = chainOf(node["callee"])
    if (!testNames.has(chain[0] ?? "")) return []
    return [{ chain, title: literalText(node["arguments"][0]), options: node["arguments"].flatMap(optionNames) }]
  })
