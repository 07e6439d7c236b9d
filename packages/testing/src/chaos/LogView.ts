/** How far one reader has stored a log, each page checked against the one before: order, log and chain. */
import { chainNext, chainStart, hashOf } from "@tidemark/crypto"
import { type Cursor, decodeHeader, type Hash, type Page, Seq } from "@tidemark/protocol"
import { Result } from "effect"
import { keyOf, type Ledger } from "./Ledger.ts"

/** One stored entry, by what identifies it. */
interface Stored {
  readonly key: string
  readonly hash: Hash
  readonly chain: Hash
}

export class LogView {
  /** The entry of Seq n stands at n − 1. */
  entries: Array<Stored> = []
  cursor: Cursor | undefined

  readonly name: string
  readonly ledger: Ledger

  constructor(name: string, ledger: Ledger) {
    this.name = name
    this.ledger = ledger
  }

  get seq(): number {
    return this.entries.length
  }

  /** Stores a page that follows; `false` for one that does not, which changes nothing. */
  apply(page: Page): boolean {
    const isOther = this.cursor !== undefined && page.through.logId !== this.cursor.logId
    if (isOther || page.after !== this.seq) return false
    let chain = this.cursor?.chain ?? chainStart(page.through.logId)
    for (const item of page.items) {
      if (item._tag !== "Entry") return false
      const hash = hashOf(item.bytes)
      chain = chainNext(chain, hash)
      const header = decodeHeader(item.bytes)
      this.entries.push({ key: Result.isSuccess(header) ? keyOf(header.success) : `at ${item.seq}`, hash, chain })
    }
    if (chain !== page.through.chain) this.ledger.report("brokenChains", `${this.name} at ${page.through.seq}`)
    this.cursor = { ...page.through, seq: Seq.make(this.seq) }
    return true
  }

  /** Starts from nothing: the server has another log. */
  forget(): void {
    this.entries = []
    this.cursor = undefined
  }
}
