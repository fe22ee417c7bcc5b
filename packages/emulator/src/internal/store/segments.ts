/** The records of a run in segments, one for each time that the run was active, bounded where steps run again. */

interface Segment<A> {
  /** The position of its first entry. */
  readonly first: number
  readonly entries: ReadonlyArray<A>
  /** The bytes of the entries as JSON. */
  readonly bytes: number
}

/** Entries of one run beyond which segments are dropped whose steps have all run again. */
const keptEntries = 10_000

const keptBytes = 16 * 1024 * 1024

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

export class Segments<A> {
  private list: Array<Segment<A>> = []
  private count = 0
  /** The size that could not be compacted; compaction is tried again only at its double. */
  private stuck: { readonly count: number; readonly bytes: number } | undefined
  /** The position of the next entry. */
  next = 0
  bytes = 0

  /** @param stepIdOf the id of the step that an entry belongs to */
  constructor(private readonly stepIdOf: (entry: A) => string | undefined) {}

  add(entries: ReadonlyArray<A>): void {
    if (entries.length === 0) return
    this.put({ first: this.next, entries, bytes: bytesOf(entries) })
    this.next += entries.length
    const { bytes, count } = this.stuck ?? { count: 0, bytes: 0 }
    if (this.count <= Math.max(keptEntries, count * 2) && this.bytes <= Math.max(keptBytes, bytes * 2)) return
    this.compact()
    this.stuck = { count: this.count, bytes: this.bytes }
  }

  /** The entries at or after a position. */
  from(position: number): ReadonlyArray<A> {
    return this.list.flatMap(({ entries, first }) => entries.slice(Math.max(0, position - first)))
  }

  private put(segment: Segment<A>): void {
    this.list.push(segment)
    this.count += segment.entries.length
    this.bytes += segment.bytes
  }

  /** Keeps the newest segment of each step, the entries before the first step, and half of the rest. */
  private compact(): void {
    const newer = new Set<string>()
    const superseded = new Set<Segment<A>>()
    for (const segment of [...this.list].reverse()) {
      const stepIds = segment.entries.flatMap((entry) => this.stepIdOf(entry) ?? [])
      if (stepIds.length > 0 && stepIds.every((stepId) => newer.has(stepId))) superseded.add(segment)
      for (const stepId of stepIds) newer.add(stepId)
    }
    const all = this.list
    const most = { count: keptEntries / 2, bytes: keptBytes / 2 }
    let left = { count: this.count, bytes: this.bytes }
    this.list = []
    this.count = 0
    this.bytes = 0
    for (const [index, segment] of all.entries()) {
      const { bytes, entries, first } = segment
      const drop = superseded.has(segment) && (left.count > most.count || left.bytes > most.bytes)
      if (!drop) {
        this.put(segment)
        continue
      }
      left = { count: left.count - entries.length, bytes: left.bytes - bytes }
      if (index > 0) continue
      const before = entries.findIndex((entry) => this.stepIdOf(entry) !== undefined)
      const start = entries.slice(0, before)
      if (before > 0) this.put({ first, entries: start, bytes: bytesOf(start) })
    }
  }
}
