/** Where the runs of a list are in its picture. */
import type { Point } from "./api.js"
import { ticks } from "./format.js"

export interface Ends {
  readonly min: number
  readonly max: number
}

export interface StripScale {
  /** Instants. */
  readonly x: Ends
  /** Durations, in milliseconds. */
  readonly y: Ends
  readonly isLog: boolean
  /** The durations that are marked. */
  readonly marks: ReadonlyArray<number>
}

/** Durations that differ so many times are shown on a scale of magnitudes. */
const wide = 20

/** Durations of no time have a place on that scale, too. */
export const shownMs = ({ durationMs }: Point): number => Math.max(1, durationMs)

/** Rounds the ends outwards: as new runs arrive, the picture moves seldom. */
const timesOf = (points: ReadonlyArray<Point>, from: number | undefined, to: number | undefined): Ends => {
  const first = from ?? points[0]?.startedAt ?? 0
  const last = to ?? points.at(-1)?.startedAt ?? first
  const step = ticks(Math.max(1_000, last - first), 8)[1] ?? 1_000
  return {
    min: from ?? Math.floor(first / step) * step,
    max: Math.max(to ?? (Math.floor(last / step) + 1) * step, first + 1)
  }
}

const readable = [1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000]
const more = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000]

export const scaleOfPoints = (points: ReadonlyArray<Point>, from?: number, to?: number): StripScale => {
  const x = timesOf(points, from, to)
  let [least, most] = [Infinity, 1]
  for (const point of points) {
    const ms = shownMs(point)
    if (ms < least) least = ms
    if (ms > most) most = ms
  }
  if (most / least < wide) {
    const marks = ticks(most, 3)
    const step = marks[1] ?? most
    return {
      x,
      y: { min: 0, max: Math.ceil(most * 1.05 / step) * step },
      isLog: false,
      marks: [...marks, marks.length * step]
    }
  }
  // half magnitudes
  const y = {
    min: 10 ** (Math.floor(2 * Math.log10(least)) / 2),
    max: 10 ** (Math.ceil(2 * Math.log10(most * 1.05)) / 2)
  }
  const marks = readable.filter((ms) => ms >= y.min && ms <= y.max)
  return { x, y, isLog: true, marks: marks.length >= 2 ? marks : more.filter((ms) => ms >= y.min && ms <= y.max) }
}

/** The height of a duration above the bottom, as a fraction of all. */
export const heightOf = ({ isLog, y }: StripScale, ms: number): number => {
  const of = isLog ? Math.log : (ms: number) => ms
  return (of(ms) - of(y.min)) / (of(y.max) - of(y.min))
}

/** The place of a run, as fractions of the width and of the height from the top. */
export const pointPlace = (scale: StripScale, point: Point): { readonly x: number; readonly y: number } => ({
  x: (point.startedAt - scale.x.min) / (scale.x.max - scale.x.min),
  y: 1 - heightOf(scale, shownMs(point))
})

/** The run next to a place, if one is near: its index. */
export const nearest = (
  scale: StripScale,
  points: ReadonlyArray<Point>,
  at: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  mostPixels: number
): number | undefined => {
  let found: number | undefined
  let distance = mostPixels ** 2
  points.forEach((point, index) => {
    const place = pointPlace(scale, point)
    const squared = ((place.x - at.x) * at.width) ** 2 + ((place.y - at.y) * at.height) ** 2
    if (squared > distance) return
    found = index
    distance = squared
  })
  return found
}

const day = 86_400_000
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
const time = { hour: "2-digit", minute: "2-digit" } as const
const minutes = new Intl.DateTimeFormat("en-GB", time)
const seconds = new Intl.DateTimeFormat("en-GB", { ...time, second: "2-digit" })
const millis = new Intl.DateTimeFormat("en-GB", { ...time, second: "2-digit", fractionalSecondDigits: 3 })

/** The label of an instant, in the reader's time. Labels that are `step` milliseconds apart differ. */
export const timeOf = (ms: number, step: number): string => {
  const date = new Date(ms)
  const isMidnight = date.getHours() + date.getMinutes() + date.getSeconds() + date.getMilliseconds() === 0
  const ofDay = step < 1_000 ? millis : step < 60_000 ? seconds : minutes
  return (step >= day || isMidnight ? dayFormat : ofDay).format(date)
}
