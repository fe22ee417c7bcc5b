/** How often numbers occur, kept to three significant digits: a million numbers take some thousand entries. */
import type { Histogram } from "../BatchesApi.js"

/** The most buckets of equal width. */
const most = 20

/** The ratio of the greatest number to the least from which on buckets grow. */
const wide = 50

const decimal = (digits: number, exponent: number): number => Number(`${digits}e${exponent}`)

/** The exponent of a positive number, and its first three digits: 12.34 has 1 and 123. */
const digitsOf = (value: number): readonly [exponent: number, digits: number] => {
  const text = value.toExponential(12)
  return [Number(text.slice(text.indexOf("e") + 1)), Number(text[0]! + text.slice(2, 4))]
}

/** A number without the rest of its calculation. */
const exact = (value: number): number => Number(value.toPrecision(12))

/** The least of 1, 2, 5, 10, 20, … that is not less than a positive number, as digit and exponent. */
const roundUp = (value: number): readonly [digit: number, exponent: number] => {
  const [exponent, digits] = digitsOf(value)
  const isExact = decimal(digits, exponent - 2) === exact(value)
  const least = isExact ? digits / 100 : digits / 100 + 0.001
  return least <= 1 ? [1, exponent] : least <= 2 ? [2, exponent] : least <= 5 ? [5, exponent] : [1, exponent + 1]
}

const next = ([digit, exponent]: readonly [number, number]): readonly [digit: number, exponent: number] =>
  digit === 1 ? [2, exponent] : digit === 2 ? [5, exponent] : [1, exponent + 1]

/** Bounds of equal width around all numbers. Their width is a digit that the entries have. */
const equalBounds = (min: number, max: number): ReadonlyArray<number> => {
  const least = decimal(1, digitsOf(max)[0] - 2)
  const [digit, exponent] = roundUp(Math.max(least, (max - min) / (most - 2)))
  const at = (index: number) => exact(index * decimal(digit, exponent))
  const first = Math.floor(exact(min / decimal(digit, exponent)))
  const bounds = [at(first)]
  for (let index = first + 1; bounds.at(-1)! <= max; index++) bounds.push(at(index))
  return bounds
}

/** Bounds that grow: 1, 2, 5, 10, 20, … */
const growingBounds = (min: number, max: number, hasZero: boolean): ReadonlyArray<number> => {
  const [exponent, digits] = digitsOf(min)
  let bound: readonly [number, number] = [digits >= 500 ? 5 : digits >= 200 ? 2 : 1, exponent]
  const bounds = [...hasZero ? [0] : [], decimal(...bound)]
  while (bounds.at(-1)! <= max) {
    bound = next(bound)
    bounds.push(decimal(...bound))
  }
  return bounds
}

interface Entry {
  count: number
  sum: number
}

/** The numbers whose entries are remembered. Most numbers occur many times. */
const mostKnown = 10_000

/** Counts numbers that are not negative. */
export class Sketch {
  private readonly entries = new Map<number, Entry>()
  private readonly known = new Map<number, Entry>()
  private count = 0
  private min = Infinity
  private max = 0

  add(given: number): void {
    const entry = this.known.get(given) ?? this.entryOf(given)
    entry.count++
    entry.sum += given
    this.count++
  }

  private entryOf(given: number): Entry {
    const value = exact(given)
    const [exponent, digits] = value === 0 ? [0, 0] : digitsOf(value)
    const key = value === 0 ? -Infinity : exponent * 1_000 + digits
    const entry = this.entries.get(key) ?? { count: 0, sum: 0 }
    this.entries.set(key, entry)
    if (this.known.size < mostKnown) this.known.set(given, entry)
    if (value > this.max) this.max = value
    if (value > 0 && value < this.min) this.min = value
    return entry
  }

  /** `unknown`: the number of things whose number is not known. */
  histogram(unknown: number): Histogram {
    const { count, max, min } = this
    const zeros = this.entries.get(-Infinity)?.count ?? 0
    if (count === 0) return { buckets: [], known: 0, unknown }
    const entries = [...this.entries].sort(([one], [other]) => one - other)
    const quantile = (share: number): number => {
      let left = Math.ceil(share * count)
      for (const [, entry] of entries) {
        left -= entry.count
        if (left <= 0) return exact(entry.sum / entry.count)
      }
      return max
    }
    const bounds = max === 0
      ? [0, 1]
      : max / min >= wide
      ? growingBounds(min, max, zeros > 0)
      : equalBounds(zeros > 0 ? 0 : min, max)
    const counts = bounds.slice(1).map(() => 0)
    let bucket = 0
    for (const [key, entry] of entries) {
      const exponent = Math.floor(key / 1_000)
      const least = key === -Infinity ? 0 : decimal(key - exponent * 1_000, exponent - 2)
      while (least >= bounds[bucket + 1]!) bucket++
      counts[bucket]! += entry.count
    }
    return {
      buckets: counts.map((count, index) => ({ from: bounds[index]!, to: bounds[index + 1]!, count })),
      known: count,
      unknown,
      median: quantile(0.5),
      p95: quantile(0.95),
      max
    }
  }
}
