/**
 * Measures the rows of a group in interleaved rounds, so that whatever else the machine does in a round meets every row.
 */
import type { Group, Row } from "./Suite.js"

export interface Options {
  /** Rounds that count; every row runs once in each. */
  readonly rounds: number
  /** ms that a row runs in a round, at least. */
  readonly roundMillis: number
  /** ms that a row runs before the first round. */
  readonly warmUpMillis: number
}

export interface RowResult {
  readonly name: string
  /** µs per operation: the median of the rounds */
  readonly median: number
  /** µs per operation: the best round */
  readonly best: number
  /** One for each baseline of the group. */
  readonly ratios: ReadonlyArray<Ratio>
}

/** Of the rounds' ratios to the baseline's time in the same round: the median and the quartiles. */
export interface Ratio {
  readonly baseline: string
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface GroupResult {
  readonly name: string
  readonly baselines: ReadonlyArray<string>
  readonly rows: ReadonlyArray<RowResult>
}

const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)]!
  const above = sorted[Math.ceil(at)]!
  return below + (above - below) * (at - Math.floor(at))
}

/** µs per operation over at least `millis`. */
const timePerOperation = async (row: Row, millis: number): Promise<number> => {
  const start = performance.now()
  let operations = 0
  let elapsed = 0
  do {
    operations += await row.run()
    elapsed = performance.now() - start
  } while (elapsed < millis)
  return elapsed * 1000 / operations
}

/**
 * With `--expose-gc`, one row's garbage is not collected on another row's time. A full collection would also shrink the
 * heap, which no process does to itself before it works.
 */
const collectMinor = (): void => {
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc === "function") {
    gc({ type: "minor" })
  }
}

export const measure = async (group: Group, options: Options): Promise<GroupResult> => {
  for (const row of group.rows) {
    await timePerOperation(row, options.warmUpMillis)
  }
  const times = new Map(group.rows.map((row) => [row.name, [] as Array<number>]))
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < group.rows.length; i++) {
      const row = group.rows[(i + round) % group.rows.length]!
      collectMinor()
      times.get(row.name)!.push(await timePerOperation(row, options.roundMillis))
    }
  }
  const timesOf = (row: string): ReadonlyArray<number> => {
    const found = times.get(row)
    if (found === undefined) throw new Error(`${group.name} has no row ${row}`)
    return found
  }
  const ratio = (row: string, baseline: string): Ratio => {
    const base = timesOf(baseline)
    const ratios = timesOf(row).map((time, round) => time / base[round]!)
    return { baseline, median: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
  }
  return {
    name: group.name,
    baselines: group.baselines,
    rows: group.rows.map(({ name }) => ({
      name,
      median: quantile(timesOf(name), 0.5),
      best: Math.min(...timesOf(name)),
      ratios: group.baselines.map((baseline) => ratio(name, baseline))
    }))
  }
}
