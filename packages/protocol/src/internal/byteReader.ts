/** Reads a byte layout front to back; running past the end sets `failed` instead of throwing. */
import { bytesToId } from "../Ids.ts"

export class ByteReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  offset = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Moves on by `size` and returns where the field started, or 0 with `failed` set when the bytes end before. */
  private take(size: number): number {
    const start = this.offset
    if (this.failed || size < 0 || start + size > this.bytes.length) {
      this.failed = true
      return 0
    }
    this.offset = start + size
    return start
  }

  u8(): number {
    const at = this.take(1)
    return this.failed ? 0 : this.view.getUint8(at)
  }

  u16(): number {
    const at = this.take(2)
    return this.failed ? 0 : this.view.getUint16(at)
  }

  u32(): number {
    const at = this.take(4)
    return this.failed ? 0 : this.view.getUint32(at)
  }

  /** A 64-bit number; one beyond 2⁵³−1 counts as malformed, because no honest counter reaches it. */
  u64(): number {
    const at = this.take(8)
    if (this.failed) return 0
    const value = this.view.getUint32(at) * 2 ** 32 + this.view.getUint32(at + 4)
    if (!Number.isSafeInteger(value)) this.failed = true
    return this.failed ? 0 : value
  }

  /** A view of the next `size` bytes, not a copy. */
  slice(size: number): Uint8Array {
    const at = this.take(size)
    return this.failed ? new Uint8Array(0) : this.bytes.subarray(at, at + size)
  }

  /** The next `size` bytes as id text. */
  id(size: number): string {
    return bytesToId(this.slice(size))
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }
}
