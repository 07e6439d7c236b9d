/**
 * Tells the hooks the app's schema, once, by declaration merging (as TanStack Router does for its routes):
 *
 * ```ts
 * declare module "@tidemark/react" {
 *   interface Register {
 *     readonly schema: typeof Notes
 *   }
 * }
 * ```
 */
import type { Workspace } from "@tidemark/model"

/** Empty until the app augments it. */
export interface Register {}

/** The app's schema, or any schema while nothing is registered. */
export type RegisteredSchema = Register extends { readonly schema: infer W extends Workspace } ? W : Workspace
