/** Totals of the settled rows of a batch. Each row is read once, when it has settled. */
import type { SettledRow } from "@effect-noukai/batch/BatchRow"
import type { ErrorGroup } from "../BatchesApi.js"
import { Sketch } from "./histogram.js"
import { cut } from "./text.js"

/** The time over which the rate is measured, in milliseconds. */
const window = 30_000

const mostGroups = 50
const mostMessage = 1_000

interface Group {
  readonly error: string
  readonly kind: string
  readonly code?: string
  readonly message: string
  readonly numbers: Array<number>
  sorted?: Uint32Array
  /** The key of its first row, once it was read. */
  key?: string
}

/** The name of a group of errors. A kind has no spaces. */
export const errorName = ({ code, kind }: { readonly kind: string; readonly code?: string | undefined }): string =>
  code === undefined ? kind : `${kind} ${code}`

export class BatchTotals {
  /** The last row that was counted. */
  settledNo = 0
  counted = 0
  /** Whether a row was counted twice: it was made pending again, and has settled again. */
  hasTwice = false
  /** Whether no settled row was left to count. */
  isWhole = false
  /** Whether the row of each number was counted. */
  private seen = new Uint8Array(1_024)
  private readonly states = new Map<string, number>()
  private readonly durations = new Sketch()
  private readonly costs = new Sketch()
  private readonly unknown = { durations: 0, costs: 0 }
  private readonly groups = new Map<string, Group>()
  /** How many rows settled in each second of the window. */
  private readonly recent = new Map<number, number>()

  add(rows: ReadonlyArray<SettledRow>, now: number): void {
    this.isWhole = rows.length === 0
    for (const { durationMs, error, no, settledAt, settledNo, state, ...cost } of rows) {
      this.settledNo = settledNo
      this.counted++
      this.hasTwice ||= this.isSeen(no)
      this.states.set(state, (this.states.get(state) ?? 0) + 1)
      if (durationMs === null) this.unknown.durations++
      else this.durations.add(durationMs)
      if (cost.attemptsCostUsd === undefined || cost.isAttemptsCostUnknown) this.unknown.costs++
      else this.costs.add(Number(cost.attemptsCostUsd))
      if (error !== undefined) {
        const name = errorName(error)
        const group = this.groups.get(name)
        if (group === undefined) {
          const { code, kind, message } = error
          this.groups.set(name, {
            error: name,
            kind,
            ...code !== undefined && { code },
            message: cut(message, mostMessage),
            numbers: [no]
          })
        } else group.numbers.push(no)
      }
      if (settledAt > now - window) {
        const second = Math.floor(settledAt / 1_000)
        this.recent.set(second, (this.recent.get(second) ?? 0) + 1)
      }
    }
  }

  /** Returns whether a row was counted, and keeps that it is. */
  private isSeen(no: number): boolean {
    if (no >= this.seen.length) {
      const longer = new Uint8Array(2 * no)
      longer.set(this.seen)
      this.seen = longer
    }
    const wasSeen = this.seen[no] === 1
    this.seen[no] = 1
    return wasSeen
  }

  /** Whether rows that were counted are settled no more: they were made pending again. */
  isOutdated(states: { readonly [state: string]: number }): boolean {
    return [...this.states].some(([state, count]) => count > (states[state] ?? 0))
  }

  /** Rows per second over the last half minute. */
  rate(now: number): number | undefined {
    const first = (now - window) / 1_000
    for (const second of this.recent.keys()) if (second < first) this.recent.delete(second)
    let [sum, since] = [0, Infinity]
    for (const [second, count] of this.recent) {
      sum += count
      if (second < since) since = second
    }
    return sum < 2 ? undefined : sum / Math.max(1, now / 1_000 - since)
  }

  histograms() {
    return {
      durations: this.durations.histogram(this.unknown.durations),
      costs: this.costs.histogram(this.unknown.costs)
    }
  }

  /** The groups that are shown, the most frequent first. */
  shown(): ReadonlyArray<Group> {
    return [...this.groups.values()].sort((one, other) =>
      other.numbers.length - one.numbers.length || (one.error < other.error ? -1 : 1)
    ).slice(
      0,
      mostGroups
    )
  }

  /** The numbers of the rows of an error that were counted, in the order of the input. */
  numbersOf(error: string): Uint32Array {
    const group = this.groups.get(error)
    if (group === undefined) return new Uint32Array()
    const { numbers, sorted } = group
    return sorted?.length === numbers.length ? sorted : group.sorted = Uint32Array.from(numbers).sort()
  }
}

export const errorGroup = ({ key = "", numbers, sorted: _, ...group }: Group): ErrorGroup => ({
  ...group,
  rows: numbers.length,
  key
})
