/**
 * Measures the rows of a group in interleaved rounds, so that other work of the machine in a round slows every row.
 * Ratios are of CPU time, which a busy neighbour hardly moves. Warm-ups and rounds last for an amount of CPU time too:
 * beside such a neighbour, the same seconds would not be enough for V8 to compile the code.
 */
import type { Group, Row } from "./Suite.js"

export interface Options {
  /** Rounds that count; every row runs once in each. */
  readonly rounds: number
  /** ms of CPU time that a row takes in a round, at least. */
  readonly roundMillis: number
  /** ms of CPU time that a row takes before the first round. */
  readonly warmUpMillis: number
}

export interface RowResult {
  readonly name: string
  /** µs of CPU time per operation: the median of the rounds */
  readonly cpu: number
  /** µs of wall time per operation: the median of the rounds */
  readonly wall: number
  /** MiB that the process of an operation took at most: the median of the rounds, where operations are processes. */
  readonly peak?: number
  /** One for each baseline of the group. */
  readonly ratios: ReadonlyArray<Ratio>
}

/** Of the rounds' ratios to the baseline's CPU time in the same round: the median and the quartiles. */
export interface Ratio {
  readonly baseline: string
  readonly median: number
  readonly low: number
  readonly high: number
  /** The median of the ratios of wall time. */
  readonly wall: number
  /** The median of the ratios of peaks, where operations are processes. */
  readonly peak?: number
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

/** The cost of one operation of a row. */
export interface Cost {
  readonly cpu: number
  readonly wall: number
  readonly peak: number | undefined
}

/** The cost of an operation, over at least `millis` of CPU time. */
export type Measure = (row: Row, millis: number) => Promise<Cost>

/** Measures a row in this process. */
export const measureHere: Measure = async (row, millis) => {
  collectMinor()
  const start = performance.now()
  const before = process.cpuUsage()
  let operations = 0
  let elsewhere: { cpu: number; peak: number } | undefined
  let cpu = 0
  do {
    const done = await row.run()
    if (typeof done === "number") {
      operations += done
    } else {
      operations += done.operations ?? 1
      elsewhere = { cpu: (elsewhere?.cpu ?? 0) + done.cpu, peak: Math.max(elsewhere?.peak ?? 0, done.peak) }
    }
    const { system, user } = process.cpuUsage(before)
    cpu = elsewhere?.cpu ?? user + system
  } while (cpu < millis * 1000)
  return {
    cpu: cpu / operations,
    wall: (performance.now() - start) * 1000 / operations,
    peak: elsewhere?.peak
  }
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

export const measure = async (group: Group, options: Options, costOf: Measure): Promise<GroupResult> => {
  for (const row of group.rows) {
    await costOf(row, options.warmUpMillis)
  }
  const costs = new Map(group.rows.map((row) => [row.name, [] as Array<Cost>]))
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < group.rows.length; i++) {
      const row = group.rows[(i + round) % group.rows.length]!
      costs.get(row.name)!.push(await costOf(row, options.roundMillis))
    }
  }
  const costsOf = (row: string): ReadonlyArray<Cost> => {
    const found = costs.get(row)
    if (found === undefined) throw new Error(`${group.name} has no row ${row}`)
    return found
  }
  const ratio = (row: string, baseline: string): Ratio => {
    const base = costsOf(baseline)
    const ratios = (of: (cost: Cost) => number): ReadonlyArray<number> =>
      costsOf(row).map((cost, round) => of(cost) / of(base[round]!))
    const ofCpu = ratios(({ cpu }) => cpu)
    return {
      baseline,
      median: quantile(ofCpu, 0.5),
      low: quantile(ofCpu, 0.25),
      high: quantile(ofCpu, 0.75),
      wall: quantile(ratios(({ wall }) => wall), 0.5),
      ...(base[0]?.peak === undefined ? {} : { peak: quantile(ratios(({ peak }) => peak!), 0.5) })
    }
  }
  const median = (row: string, of: (cost: Cost) => number): number => quantile(costsOf(row).map(of), 0.5)
  return {
    name: group.name,
    baselines: group.baselines,
    rows: group.rows.map(({ name }) => ({
      name,
      cpu: median(name, ({ cpu }) => cpu),
      wall: median(name, ({ wall }) => wall),
      ...(costsOf(name)[0]?.peak === undefined ? {} : { peak: median(name, ({ peak }) => peak!) }),
      ratios: group.baselines.map((baseline) => ratio(name, baseline))
    }))
  }
}
