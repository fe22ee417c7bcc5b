/** How far a batch is, for who watches. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { Progress } from "@effect-noukai/batch/BatchStatus"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { time } from "../../terminal/amounts.js"
import { Terminal } from "../../terminal/Terminal.js"

/** How long one waits for a batch to be begun, in milliseconds. */
const beginning = 200

/** The parts of a line that fit into a width, the first ones first. */
const fitting = (parts: ReadonlyArray<string>, width: number): string => {
  let line = parts[0] ?? ""
  for (const part of parts.slice(1)) {
    if (line.length + 2 + part.length >= width) break
    line = `${line}, ${part}`
  }
  return line
}

/** A line of progress. */
export const line = (
  { costUsd, done, etaMs, failed, reported, rows, rowsPerSecond, running, timedOut, uncertain }: Progress,
  width: number
): string =>
  fitting([
    `… ${done} of ${rows} done`,
    `${failed} failed`,
    ...reported > 0 ? [`${reported} reported`] : [],
    ...timedOut > 0 ? [`${timedOut} timed out`] : [],
    ...uncertain === 0 ? [] : [`${uncertain} uncertain`],
    `${running} running`,
    ...rowsPerSecond === 0 ? [] : [`${rowsPerSecond.toFixed(1)} rows/s`],
    ...etaMs === undefined ? [] : [`${time(etaMs)} left`],
    ...costUsd === undefined ? [] : [`$${costUsd}`]
  ], width)

/** Shows how far a batch is, for as long as it is wanted. */
export const shown = (id: string): Effect.Effect<void, never, BatchStore | Terminal> =>
  Effect.flatMap(Terminal, (terminal) => {
    if (!terminal.isWatched) return Effect.void
    // what an earlier run left is no progress
    const running = Stream.filter(Batch.progress(id), ({ running, status }) => status === "running" || running > 0)
    return Effect.zipRight(
      terminal.progress("… reading rows"),
      Stream.runForEach(running, (progress) => terminal.progress(line(progress, terminal.width()))).pipe(
        Effect.ignore,
        Effect.repeat(Schedule.spaced(beginning)),
        Effect.asVoid
      )
    )
  })
