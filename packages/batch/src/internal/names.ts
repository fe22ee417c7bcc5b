/** Refuses unknown options: a batch without an option that its caller wrote is another batch. */
import { misnamed, type Names, type Table, unreadable } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import { InvalidBatchError } from "../BatchError.js"
import type {
  DiffSide,
  PageOptions,
  PlanOptions,
  ResultsOptions,
  RetryOptions,
  RowSelection,
  RunOptions
} from "../BatchStatus.js"

/** The options that are flags, of all operations. A text such as "no" would count as true. */
const flags = ["acceptDoubleRuns", "adopt", "cost", "follow", "spreadsheet", "withDocuments", "withInput"]

const misflagged = (given: unknown) =>
  Object.entries(Object(given)).flatMap(([field, value]) =>
    !flags.includes(field) || value === undefined || typeof value === "boolean"
      ? []
      : [{ field, reason: "must be true or false" }]
  )[0]

/** The error of an input that is not an object, or that has an unknown option or a flag that is not one. */
export const misnamedError = (method: string, given: unknown, names: Table): InvalidBatchError | undefined => {
  const found = misnamed("options", given, names) ?? misflagged(given)
  return found && new InvalidBatchError({ method, ...found })
}

/** Fails if an input is not an object, has an unknown option, or a flag that is not one. */
export const named = (method: string, given: unknown, names: Table): Effect.Effect<void, InvalidBatchError> =>
  Effect.suspend(() => misnamedError(method, given, names) ?? Effect.void)

/** Fails if an input does not fit, or cannot be read. */
export const fitting = (
  method: string,
  field: string,
  fits: () => boolean,
  rule: string
): Effect.Effect<void, InvalidBatchError> =>
  Effect.suspend(() => {
    const refused = (reason: string) => new InvalidBatchError({ method, field, reason })
    try {
      return fits() ? Effect.void : refused(rule)
    } catch {
      return refused(unreadable)
    }
  })

const selection: Names<RowSelection> = { key: true, state: true }

export const planNames: Names<PlanOptions> = { select: selection }

export const runNames: Names<RunOptions> = {
  concurrency: true,
  fleetConcurrency: true,
  rate: true,
  attempts: true,
  backoff: true,
  select: selection,
  maxFailures: true,
  budgetUsd: true,
  maxCostPerRow: true,
  cost: true,
  steps: true,
  grace: true,
  adopt: true,
  rowTimeout: true,
  pendingTimeout: true,
  stopWithin: true
}

export const resultsNames: Names<ResultsOptions> = {
  order: true,
  after: true,
  withInput: true,
  follow: true,
  select: selection
}

export const pageNames: Names<PageOptions> = {
  after: true,
  before: true,
  limit: true,
  state: true,
  numbers: true,
  withDocuments: true
}

export const retryNames: Names<RetryOptions> = { only: true, acceptDoubleRuns: true, select: selection }

export const sideNames: Names<DiffSide> = { batch: true, ledger: true }
