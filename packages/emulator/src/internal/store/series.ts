/** Numbered entries that are removed from the oldest on. */

/** The number of empty slots at the front before the rest moves up. */
const slack = 1_024

export class Series<A> implements Iterable<A> {
  private readonly entries: Array<A | undefined> = []
  private head = 0
  /** The number of the oldest entry, which is how many were removed. */
  first = 0

  get size(): number {
    return this.entries.length - this.head
  }

  /** The number of the next entry. */
  get next(): number {
    return this.first + this.size
  }

  push(entry: A): void {
    this.entries.push(entry)
  }

  /** Removes the oldest entry. */
  shift(): A | undefined {
    if (this.size === 0) return undefined
    const oldest = this.entries[this.head]
    this.entries[this.head++] = undefined
    this.first++
    if (this.head > slack && this.head * 2 > this.entries.length) {
      this.entries.splice(0, this.head)
      this.head = 0
    }
    return oldest
  }

  at(number: number): A | undefined {
    return number < this.first ? undefined : this.entries[this.head + number - this.first]
  }

  /** Removes all entries; the numbers go on. */
  clear(): void {
    this.first = this.next
    this.entries.length = 0
    this.head = 0
  }

  *[Symbol.iterator](): Generator<A> {
    for (let number = this.first; number < this.next; number++) {
      const entry = this.at(number)
      if (entry !== undefined) yield entry
    }
  }

  /** The entries backwards from the one before that number, or from the newest. */
  *newestFirst(before: number = this.next): Generator<A> {
    for (let number = Math.min(before, this.next) - 1; number >= this.first; number--) {
      const entry = this.at(number)
      if (entry !== undefined) yield entry
    }
  }
}
