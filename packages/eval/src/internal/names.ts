/** Refuses unknown options: an eval run without an option that its caller wrote is another run. */
import { misnamed, type Names, type Table } from "@effect-noukai/sdk/Kit"
import * as Effect from "effect/Effect"
import { InvalidEvalError } from "../EvalError.js"
import type { LimitOptions, ReportOptions, RunOptions, ScoreOptions } from "../EvalOptions.js"

/** Fails if an input is not an object, or has an unknown option. */
export const named = (at: string, given: unknown, names: Table): Effect.Effect<void, InvalidEvalError> =>
  Effect.suspend(() => {
    const found = misnamed("options", given, names)
    return found === undefined ? Effect.void : new InvalidEvalError({ at, ...found })
  })

export const limitNames: Names<LimitOptions> = {
  concurrency: true,
  fleetConcurrency: true,
  rate: true,
  maxFailures: true,
  attempts: true,
  backoff: true,
  grace: true,
  rowTimeout: true,
  pendingTimeout: true,
  stopWithin: true,
  budgetUsd: true,
  maxCostPerRow: true
}

export const reportNames: Names<ReportOptions> = { run: true, baseline: true, allowErrors: true }

export const scoreNames: Names<ScoreOptions> = { ...limitNames, ...reportNames, judgeAgain: true }

export const runNames: Names<RunOptions> = {
  ...limitNames,
  candidate: true,
  baseline: true,
  repeat: true,
  resume: true,
  record: true,
  replay: true,
  allowErrors: true
}
