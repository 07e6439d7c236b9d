/** A map that forgets what was not used for longest once it holds `sizeMax` keys. For caches only. */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>()
  readonly sizeMax: number

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax
  }

  get size(): number {
    return this.entries.size
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key)
    if (value === undefined) return undefined
    this.entries.delete(key)
    this.entries.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.entries.delete(key)
    this.entries.set(key, value)
    if (this.entries.size <= this.sizeMax) return
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      return
    }
  }

  delete(key: K): void {
    this.entries.delete(key)
  }
}
