/**
 * The records of a run in packed segments, one for each time that the run was active, bounded where steps run again.
 *
 * @internal
 */
import { pack, unpack } from "./packedValue.js"

interface PackedSegment {
  /** The position of its first entry. */
  readonly first: number
  readonly count: number
  readonly bytes: Buffer
}

/** Entries of one run beyond which segments are dropped whose steps have all run again. */
const keptEntries = 10_000

const keptBytes = 16 * 1024 * 1024

/** How entries are packed. @internal */
export interface Packing<A> {
  /** The id of the step that an entry belongs to. */
  readonly stepIdOf: (entry: A) => string | undefined
  /** The entry as compact JSON. */
  readonly encode: (entry: A) => unknown
  readonly decode: (encoded: never) => A
}

/** @internal */
export class Segments<A> {
  private list: Array<PackedSegment> = []
  private count = 0
  /** The size that could not be compacted; compaction is tried again only at its double. */
  private stuck: { readonly count: number; readonly bytes: number } | undefined
  /** The position of the next entry. */
  next = 0
  bytes = 0

  constructor(private readonly packing: Packing<A>) {}

  add(entries: ReadonlyArray<A>): void {
    if (entries.length === 0) return
    this.put({ first: this.next, count: entries.length, bytes: this.pack(entries) })
    this.next += entries.length
    const { bytes, count } = this.stuck ?? { count: 0, bytes: 0 }
    if (this.count <= Math.max(keptEntries, count * 2) && this.bytes <= Math.max(keptBytes, bytes * 2)) return
    this.compact()
    this.stuck = { count: this.count, bytes: this.bytes }
  }

  /** The entries at or after a position. */
  from(position: number): ReadonlyArray<A> {
    return this.list.flatMap((segment) => {
      const { count, first } = segment
      if (first + count <= position) return []
      const entries = this.entriesOf(segment)
      return position <= first ? entries : entries.slice(position - first)
    })
  }

  private pack(entries: ReadonlyArray<A>): Buffer {
    return pack(entries.map(this.packing.encode))
  }

  private entriesOf({ bytes }: PackedSegment): ReadonlyArray<A> {
    return unpack<ReadonlyArray<never>>(bytes).map(this.packing.decode)
  }

  private put(segment: PackedSegment): void {
    // most runs have one segment, and an array that is pushed to has room for many
    if (this.list.length === 0) this.list = [segment]
    else this.list.push(segment)
    this.count += segment.count
    this.bytes += segment.bytes.length
  }

  /** Keeps the newest segment of each step, the entries before the first step, and half of the rest. */
  private compact(): void {
    const newer = new Set<string>()
    const superseded = new Set<PackedSegment>()
    for (const segment of [...this.list].reverse()) {
      const stepIds = this.entriesOf(segment).flatMap((entry) => this.packing.stepIdOf(entry) ?? [])
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
      const drop = superseded.has(segment) && (left.count > most.count || left.bytes > most.bytes)
      if (!drop) {
        this.put(segment)
        continue
      }
      left = { count: left.count - segment.count, bytes: left.bytes - segment.bytes.length }
      if (index > 0) continue
      const entries = this.entriesOf(segment)
      const before = entries.findIndex((entry) => this.packing.stepIdOf(entry) !== undefined)
      if (before > 0) this.put({ first: segment.first, count: before, bytes: this.pack(entries.slice(0, before)) })
    }
  }
}
