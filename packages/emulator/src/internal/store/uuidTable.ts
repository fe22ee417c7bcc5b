/**
 * A table of numbers by UUID, twenty bytes each, outside the heap.
 *
 * @internal
 */

/** Four words of the id and one of the value; the value 0 marks an empty slot. */
const width = 5

const smallest = 64

/** @internal */
export class UuidTable {
  private table = new Uint32Array(smallest * width)
  size = 0

  private get places(): number {
    return this.table.length / width
  }

  /** The slot of the id, or the one where it would go. */
  private placeOf(words: ReadonlyArray<number>): number {
    const [a, b, c, d] = words as [number, number, number, number]
    const last = this.places - 1
    let place = (Math.imul(a ^ (b << 7) ^ c, 0x9e3779b1) ^ Math.imul(d ^ (b >>> 9), 0x85ebca6b)) >>> 0
    for (place = (place ^ (place >>> 15)) & last;; place = (place + 1) & last) {
      const at = place * width
      if (this.table[at + 4] === 0) return at
      if (
        this.table[at] === a && this.table[at + 1] === b && this.table[at + 2] === c && this.table[at + 3] === d
      ) return at
    }
  }

  private grow(): void {
    const before = this.table
    this.table = new Uint32Array(before.length * 2)
    for (let at = 0; at < before.length; at += width) {
      if (before[at + 4] === 0) continue
      const entry = before.subarray(at, at + width)
      this.table.set(entry, this.placeOf([...entry.subarray(0, 4)]))
    }
  }

  /** `undefined` when there is none. */
  get(uuid: string): number | undefined {
    const value = this.table[this.placeOf(wordsOf(uuid)) + 4]
    return value === 0 ? undefined : value
  }

  /** The value is a 32-bit number other than 0. */
  set(uuid: string, value: number): void {
    if (this.size >= this.places * 0.7) this.grow()
    const words = wordsOf(uuid)
    const at = this.placeOf(words)
    if (this.table[at + 4] === 0) this.size++
    this.table.set([...words, value], at)
  }

  clear(): void {
    this.table = new Uint32Array(smallest * width)
    this.size = 0
  }
}

const wordsOf = (uuid: string): ReadonlyArray<number> => {
  const hex = uuid.replaceAll("-", "")
  return [0, 8, 16, 24].map((from) => Number.parseInt(hex.slice(from, from + 8), 16))
}
