/** The statistics of reports: all of them are about cases, never about trials. */
import { medianSorted, quantileSorted } from "simple-statistics"

/** An interval: from, to. */
export type Interval = readonly [number, number]

/** The 97.5 % quantile of the normal distribution, for 95 % intervals. */
const z = 1.959963984540054

/** Wilson's 95 % interval of a share. `of` is at least 1. */
export const wilson = (passed: number, of: number): Interval => {
  const share = passed / of
  const spread = z * z / of
  const center = (share + spread / 2) / (1 + spread)
  const half = (z / (1 + spread)) * Math.sqrt(share * (1 - share) / of + spread / (4 * of))
  return [passed === 0 ? 0 : center - half, passed === of ? 1 : center + half]
}

/** The chance of at most `most` heads in `of` tosses of a fair coin. Terms are logarithms: their product underflows. */
const fairTail = (most: number, of: number): number => {
  let term = -of * Math.LN2
  let sum = 0
  for (let heads = 0; heads <= most; heads++) {
    sum += Math.exp(term)
    term += Math.log((of - heads) / (heads + 1))
  }
  return sum
}

/** The p value of the exact two-sided McNemar test: how surprising the numbers of changes are if nothing changed. */
export const mcnemar = (regressed: number, fixed: number): number =>
  Math.min(1, 2 * fairTail(Math.min(regressed, fixed), regressed + fixed))

/** The p values of several tests, adjusted by Holm: the chance that any of them is below a level by chance is at most the level. */
export const holm = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const adjusted = new Array<number>(values.length)
  let most = 0
  values.map((p, index) => [p, index] as const).sort(([a], [b]) => a - b).forEach(([p, index], rank) => {
    most = Math.max(most, Math.min(1, (values.length - rank) * p))
    adjusted[index] = most
  })
  return adjusted
}

/** Random numbers from 0 to 1 (mulberry32), the same for the same seed. Fast: a bootstrap of many cases draws millions. */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const resamples = 1000

/** The median of values, and its 95 % interval by the percentiles of a bootstrap. There is at least one value. */
export const medianInterval = (values: ReadonlyArray<number>, seed = 1): { median: number; interval: Interval } => {
  const sorted = Float64Array.from(values).sort()
  const { length } = sorted
  const random = seeded(seed)
  const drawn = new Uint32Array(length)
  /** The value at a place of the resample that was drawn, when it is in order. */
  const valueAt = (place: number): number => {
    let before = 0
    let index = 0
    while (before + drawn[index]! <= place) before += drawn[index++]!
    return sorted[index]!
  }
  const medians = Array.from({ length: resamples }, () => {
    drawn.fill(0)
    for (let draws = 0; draws < length; draws++) drawn[Math.floor(random() * length)]!++
    return (valueAt((length - 1) >> 1) + valueAt(length >> 1)) / 2
  }).sort((a, b) => a - b)
  return {
    median: medianSorted(Array.from(sorted)),
    interval: [quantileSorted(medians, 0.025), quantileSorted(medians, 0.975)]
  }
}

/** The median of a few values, or `undefined` of none. */
export const medianOf = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : medianSorted(values.toSorted((a, b) => a - b))
