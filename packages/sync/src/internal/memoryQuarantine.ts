/**
 * Damage on a disk in memory, and its quarantine.
 *
 * Memory does not rot, so a test or the World spoils a record by name; the next transaction or read that could meet it finds
 * it, as a checksum would have. Rules: docs/spec/check.md.
 */
import { Option, Schema } from "effect"
import { DeviceSeq, DocId, LocalSeq, Seq } from "@tidemark/protocol"
import type { MemoryDisk } from "../MemoryDisk.ts"
import { historyKey } from "../HistoryKeys.ts"
import {
  type CheckedTable,
  type Damage,
  damagedNote,
  fieldsToText,
  healedAtOnce,
  type Quarantined,
  type Verified,
  verifyAfter,
  type VerifyPlace
} from "../Quarantine.ts"

/** Which record, by its key as JSON text; whether the damage spares its doc and bytes, or nothing of the record is there. */
export interface Spoil {
  readonly table: CheckedTable
  readonly key: string
  readonly isContentWhole: boolean
  readonly isGone?: boolean
}

const decodeKey = Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))
const decodeDoc = Schema.decodeUnknownOption(DocId)

export class MemoryQuarantine {
  readonly entries: Array<Quarantined> = []
  readonly #spoils = new Map<string, Spoil>()

  copyTo(other: MemoryQuarantine): void {
    other.entries.push(...this.entries)
    for (const [name, spoil] of this.#spoils) other.#spoils.set(name, spoil)
  }

  get openCount(): number {
    return this.entries.filter(({ healed }) => healed === undefined).length
  }

  /** Damages that nobody has met yet. */
  get unmetCount(): number {
    return this.#spoils.size
  }

  add(damage: Damage, healed: string | undefined): void {
    this.entries.push({ ...damage, id: this.entries.length + 1, healed })
  }

  heal(id: number, healed: string): void {
    const index = this.entries.findIndex((entry) => entry.id === id)
    const entry = this.entries[index]
    if (entry !== undefined) this.entries[index] = { ...entry, healed }
  }

  /** Damages a record that exists; the next one who could meet it finds it. */
  spoil(spoil: Spoil): void {
    this.#spoils.set(`${spoil.table} ${spoil.key}`, spoil)
  }

  /** Sets aside what is spoiled, of one table or of all; returns how many records that were. */
  collect(disk: MemoryDisk, table?: CheckedTable): number {
    if (this.#spoils.size === 0) return 0
    let count = 0
    for (const [name, spoil] of this.#spoils) {
      if (table !== undefined && spoil.table !== table) continue
      this.#spoils.delete(name)
      const found = takeAway(disk, spoil)
      if (found === undefined) continue
      count += 1
      const { bytes, doc, ...fields } = found
      const named = Option.getOrUndefined(decodeDoc(doc))
      const isGone = spoil.isGone === true
      const content =
        bytes instanceof Uint8Array && !isGone ? (spoil.isContentWhole ? bytes : flipped(bytes)) : undefined
      this.add(
        {
          table: spoil.table,
          key: spoil.key,
          doc: named,
          bytes: content,
          fields: isGone ? fieldsToText({ missing: true, ...goneFields(fields) }) : fieldsToText({ doc, ...fields }),
          isContentWhole: content !== undefined && spoil.isContentWhole
        },
        this.#healAtOnce(disk, spoil, named)
      )
    }
    if (count > 0) for (const listener of disk.outboxListeners) listener()
    return count
  }

  #healAtOnce(disk: MemoryDisk, spoil: Spoil, doc: DocId | undefined): string | undefined {
    const key = String(keyOf(spoil))
    switch (spoil.table) {
      case "meta": {
        const copy = disk.copies.get(key)
        if (copy === undefined || this.#spoils.has(`copies ${spoil.key}`)) return undefined
        disk.meta.set(key, copy)
        return healedAtOnce.meta
      }
      case "copies": {
        const original = disk.meta.get(key)
        if (original !== undefined && !this.#spoils.has(`meta ${spoil.key}`)) disk.copies.set(key, original)
        return healedAtOnce.copies
      }
      case "leases":
        return healedAtOnce.leases
      case "edits":
        return healedAtOnce.edits
      case "sealed":
        disk.unsealBroken(Number(key))
        return healedAtOnce.sealed
      case "updates":
      case "snapshots":
      case "held":
        if (doc !== undefined) {
          for (const values of [disk.meta, disk.copies]) values.set(historyKey("damaged", doc), damagedNote)
        }
        return undefined
    }
  }

  verify(disk: MemoryDisk, { table }: VerifyPlace): Verified {
    const checked = recordCount(disk, table)
    return { checked, damaged: this.collect(disk, table), next: verifyAfter(table) }
  }
}

/** What a store can tell of an update that is not there: whether it was one of this device that no server had. */
const goneFields = ({ own, seq }: Found) => (own === true && seq === 0 ? { own: 1, seq: 0 } : { own: 0, seq: 1 })

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte))

const keyOf = ({ key }: Spoil): unknown => Option.getOrUndefined(decodeKey(key))

const recordCount = (disk: MemoryDisk, table: CheckedTable): number =>
  table === "leases"
    ? [...disk.leases.values()].reduce((sum, { size }) => sum + size, 0)
    : table === "edits"
      ? disk.editCount
      : disk[table].size

type Found = Readonly<Record<string, unknown>>

/** Removes the record and says what it held; undefined where there is none. */
const takeAway = (disk: MemoryDisk, spoil: Spoil): Found | undefined => {
  const key = keyOf(spoil)
  switch (spoil.table) {
    case "updates":
      return asFound(disk.removeUpdate(LocalSeq.make(Number(key))))
    case "snapshots":
      return taken(disk.snapshots, DocId.make(String(key)))
    case "leases": {
      const [doc, peer] = Array.isArray(key) ? key : []
      return taken(disk.leases.get(DocId.make(String(doc))) ?? new Map(), String(peer))
    }
    case "meta":
    case "copies": {
      const value = disk[spoil.table].get(String(key))
      disk[spoil.table].delete(String(key))
      return value === undefined ? undefined : { key, value }
    }
    case "sealed":
      return taken(disk.sealed, DeviceSeq.make(Number(key)))
    case "held":
      return taken(disk.held, Seq.make(Number(key)))
    case "edits":
      return asFound(disk.removeEdit(LocalSeq.make(Number(key))))
  }
}

const asFound = (record: object | undefined): Found | undefined => (record === undefined ? undefined : { ...record })

const taken = <K>(map: Map<K, object>, key: K): Found | undefined => {
  const found = map.get(key)
  map.delete(key)
  return asFound(found)
}
