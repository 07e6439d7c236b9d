/**
 * Which names a schema may use. A name is a storage key for ever, and a row's property.
 */
import { SchemaRefused } from "../SchemaRefused.ts"

/** Fields every row has, and names kept for fields we may add ourselves. */
export const reservedFieldNames = ["id", "doc", "archivedAt", "createdAt", "updatedAt", "deletedAt"] as const
export type ReservedFieldName = (typeof reservedFieldNames)[number]

const namePattern = /^[a-z][A-Za-z0-9]{0,62}$/

/** Throws `SchemaRefused` unless the name can be a storage key. `what` says whose name it is, e.g. `table "tasks"`. */
export const checkName = (what: string, name: string, reserved: ReadonlyArray<string>): void => {
  if (!namePattern.test(name)) {
    throw new SchemaRefused({
      reason: `${what}: a name begins with a small letter and has up to 63 letters and digits (a-z, A-Z, 0-9)`
    })
  }
  if (reserved.includes(name)) throw new SchemaRefused({ reason: `${what}: this name is reserved by Tidemark` })
  if (name in Object.prototype) throw new SchemaRefused({ reason: `${what}: every JavaScript object has this name` })
}
