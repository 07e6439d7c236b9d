/** Writes a byte layout of a known size front to back. */
export class ByteWriter {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  offset = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }

  u8(value: number): this {
    this.view.setUint8(this.offset, value)
    this.offset += 1
    return this
  }

  u16(value: number): this {
    this.view.setUint16(this.offset, value)
    this.offset += 2
    return this
  }

  u32(value: number): this {
    this.view.setUint32(this.offset, value)
    this.offset += 4
    return this
  }

  /** A non-negative safe integer as 64 bits, big-endian. */
  u64(value: number): this {
    this.view.setUint32(this.offset, Math.floor(value / 2 ** 32))
    this.view.setUint32(this.offset + 4, value >>> 0)
    this.offset += 8
    return this
  }

  raw(value: Uint8Array): this {
    this.bytes.set(value, this.offset)
    this.offset += value.length
    return this
  }
}
