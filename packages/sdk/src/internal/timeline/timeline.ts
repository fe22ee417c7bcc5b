/** The steps of a stored trace in their places: each with a start, an end, and the loop that it is in. */
import {
  loopsOf,
  parseInstant,
  type PlacedRecord,
  resolutionOf,
  spanOf,
  type TimedRecord,
  timesOf,
  timesOfRun
} from "./stepTimes.js"

export interface PlacedStep<S> {
  readonly step: S
  /** Nanoseconds since 1970, as are all instants here. */
  readonly start: bigint
  readonly end: bigint
  readonly waiting: bigint
  /** The index of the loop that it is in. */
  readonly loop: number | undefined
}

export interface Timeline<S> {
  /** The start; 0 where the trace tells no instant. */
  readonly start: bigint
  readonly end: bigint
  /** Whether the trace tells an instant, so that this is when the run was, and not only how long. */
  readonly isDated: boolean
  readonly wall: bigint
  readonly waiting: bigint
  readonly steps: ReadonlyArray<PlacedStep<S>>
}

/**
 * Places the steps of a trace. A step whose start is not told follows the step before it; one that goes on lasts to the
 * last moment that the trace knows.
 */
export const timelineOf = <S extends PlacedRecord & { readonly status: string }>(
  { flowRun, steps }: { readonly flowRun: TimedRecord; readonly steps: ReadonlyArray<S> }
): Timeline<S> => {
  const resolution = resolutionOf([flowRun, ...steps])
  const times = steps.map((step) => timesOf(step, resolution))
  const run = timesOfRun(flowRun, times, resolution)
  const loops = loopsOf(steps, times)
  const known = spanOf(times)
  const told = run.start ?? 0n
  // the clock of a step may be behind that of its run
  const start = known !== undefined && known.start < told ? known.start : told
  const last = known?.end ?? start
  const end = told + run.wall > last ? told + run.wall : last
  let before = told
  const placed = steps.map((step, index): PlacedStep<S> => {
    const { start: begun = before, waiting, wall } = times[index]!
    const goesOn = step.status === "running" && parseInstant(step.completedAt) === undefined && wall === 0n
    const ended = goesOn ? end > begun ? end : begun : begun + wall
    before = ended
    return { step, start: begun, end: ended, waiting, loop: loops[index] }
  })
  const latest = placed.reduce((latest, step) => step.end > latest ? step.end : latest, end)
  return {
    start,
    end: latest,
    isDated: run.start !== undefined,
    wall: run.wall,
    waiting: run.waiting,
    steps: placed
  }
}
