/**
 * Which tables and indexes a database has, and what has to be added for an app.
 *
 * The schema only grows: tables and indexes of other versions of the app stay, so that old and new tabs can use one
 * database in turn.
 */
import { Dexie } from "dexie"

/** A table and its Dexie schema string: the primary key, then the indexes. */
export interface TableSchema {
  readonly name: string
  readonly indexes: string
}

/** What stands in the database: Dexie's version, and the parts of each table's schema string. */
export interface InstalledSchema {
  /** 0 where there is no database. */
  readonly version: number
  readonly partsByTable: ReadonlyMap<string, ReadonlyArray<string>>
}

const none: InstalledSchema = { version: 0, partsByTable: new Map() }

/**
 * Reads the installed schema; makes no database where there is none. (Dexie's own way, a dynamic open, would delete the
 * empty database afterwards, and with it one that another tab makes in the same moment.)
 */
export const readInstalledSchema = (name: string): Promise<InstalledSchema> =>
  new Promise((resolve, reject) => {
    const request = Dexie.dependencies.indexedDB.open(name)
    request.addEventListener("upgradeneeded", () => request.transaction?.abort())
    request.addEventListener("error", (event) => {
      event.preventDefault()
      if (request.error?.name === "AbortError") resolve(none)
      else reject(request.error ?? new Error(`The database "${name}" cannot be opened`))
    })
    request.addEventListener("success", () => {
      const database = request.result
      try {
        resolve(schemaOf(database))
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      } finally {
        database.close()
      }
    })
  })

const schemaOf = (database: IDBDatabase): InstalledSchema => {
  const names = [...database.objectStoreNames]
  // Dexie keeps ten native versions for each of its own, for repairs between two versions.
  const version = Math.ceil(database.version / 10)
  if (names.length === 0) return { version, partsByTable: new Map() }
  const transaction = database.transaction(names, "readonly")
  const partsOf = (table: string) => {
    const store = transaction.objectStore(table)
    const indexes = [...store.indexNames].map((indexName) => store.index(indexName))
    return [
      `${store.autoIncrement ? "++" : ""}${pathOf(store.keyPath)}`,
      ...indexes.map(
        ({ unique, multiEntry, keyPath }) => `${unique ? "&" : ""}${multiEntry ? "*" : ""}${pathOf(keyPath)}`
      )
    ]
  }
  return { version, partsByTable: new Map(names.map((table) => [table, partsOf(table)])) }
}

const pathOf = (keyPath: string | ReadonlyArray<string> | null): string =>
  keyPath === null ? "" : typeof keyPath === "string" ? keyPath : `[${keyPath.join("+")}]`

/** The version and Dexie schema to open with: everything installed, and everything wanted. */
export interface WantedSchema {
  readonly version: number
  readonly stores: Record<string, string>
}

/** Throws where a table would need another primary key: IndexedDB cannot change one. */
export const growSchemaUnsafe = (installed: InstalledSchema, wanted: ReadonlyArray<TableSchema>): WantedSchema => {
  let hasGrown = installed.version === 0
  const partsByTable = new Map(installed.partsByTable)
  for (const { name, indexes } of wanted) {
    const parts = indexes.split(",").map((part) => part.trim())
    const known = partsByTable.get(name)
    if (known !== undefined && known[0] !== parts[0]) {
      throw new Error(
        `The table "${name}" has the primary key "${known[0]}" and cannot get "${parts[0]}": use a table of another name`
      )
    }
    const isMissing = parts.some((part) => known === undefined || !known.includes(part))
    if (!isMissing) continue
    hasGrown = true
    // An index that is wanted with other flags (unique, multi-entry) takes the place of the installed one.
    const wantedNames = new Set(parts.map(bareName))
    partsByTable.set(name, [...parts, ...(known ?? []).filter((part) => !wantedNames.has(bareName(part)))])
  }
  return {
    version: hasGrown ? installed.version + 1 : installed.version,
    stores: Object.fromEntries([...partsByTable].map(([name, parts]) => [name, parts.join(", ")]))
  }
}

const bareName = (part: string): string => part.replace(/^[&*+]+/, "")
