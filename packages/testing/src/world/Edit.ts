/** What users of a World did, and what they were told: the left side of every check. */
import type { RecordId } from "@tidemark/model"
import type { EditId } from "@tidemark/sync"
import type { SimulatedDevice } from "./SimulatedDevice.ts"
import type { WorldTable } from "./WorldSchema.ts"

/** An edit that `change` said is durable. */
export interface AcceptedEdit {
  readonly device: SimulatedDevice
  readonly table: WorldTable
  readonly id: RecordId
  /** Stands in the record's marks from now on, on every device; undefined: the record has to exist. */
  readonly mark: string | undefined
  /** Its name; undefined where it changed nothing that was not so already. */
  readonly edit: EditId | undefined
  /** It was only on a disk that is gone: it may be missing. */
  readonly isExcused?: boolean
}

export class Edits {
  readonly accepted: Array<AcceptedEdit> = []
  /** Marks of changes that were refused whole: they may stand nowhere. */
  readonly refusedMarks = new Set<string>()
  #markCount = 0

  newMark(): string {
    this.#markCount += 1
    return `m${this.#markCount}`
  }
}
