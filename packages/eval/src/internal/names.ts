/** Refuses unknown options: an eval run without an option that its caller wrote is another run. */
import { misnamed, type Names, type Table } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Struct from "effect/Struct"
import { InvalidEvalError } from "../EvalError.js"
import type { LimitOptions, MatrixOptions, ReportOptions, RunOptions, ScoreOptions } from "../EvalOptions.js"
import { show } from "./values.js"

/** Fails if an input is not an object, or has an unknown option. */
export const named = (at: string, given: unknown, names: Table): Effect.Effect<void, InvalidEvalError> =>
  Effect.suspend(() => {
    const found = misnamed("options", given, names)
    return found === undefined ? Effect.void : new InvalidEvalError({ at, ...found })
  })

const isText = (value: unknown): boolean => typeof value === "string" && value !== ""

const isFlag = (value: unknown): boolean => typeof value === "boolean"

const folder = [isText, "must be the path of a folder"] as const

/** The options that are texts and flags: a number or null would start another eval run than the wanted one. */
const forms = {
  record: folder,
  replay: folder,
  resume: [(value: unknown) => isText(value) || isFlag(value), "must be true, false or the id of an eval run"],
  failing: [(value: unknown) => isText(value) || isFlag(value), "must be true, false or the id of an eval run"],
  run: [isText, "must be the id of an eval run"],
  judgeAgain: [isFlag, "must be true or false"]
} as const

/** Fails if an input is not an object, has an unknown option, or a text or a flag that is another value. */
export const optionsOf = (
  at: string,
  given: { readonly [Option in keyof typeof forms]?: unknown },
  names: Table
): Effect.Effect<void, InvalidEvalError> =>
  Effect.flatMap(named(at, given, names), () => {
    for (const field of Struct.keys(forms)) {
      const [isOne, form] = forms[field]
      const value = given[field]
      if (value !== undefined && !isOne(value)) {
        return new InvalidEvalError({ at, field, reason: `${form}, not ${show(value)}` })
      }
    }
    return Effect.void
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

export const reportNames: Names<ReportOptions> = { run: true, candidate: true, baseline: true, allowErrors: true }

export const scoreNames: Names<ScoreOptions> = { ...limitNames, ...reportNames, judgeAgain: true }

export const matrixNames: Names<MatrixOptions> = {
  ...limitNames,
  candidates: true,
  baseline: true,
  repeat: true,
  resume: true,
  record: true,
  replay: true,
  allowErrors: true,
  select: true,
  first: true,
  failing: true
}

export const runNames: Names<RunOptions> = { ...Struct.omit(matrixNames, "candidates"), candidate: true }
