/**
 * The reading of traces that callers give. A field of another type than it should have counts as absent, and a value
 * that is not a trace as one without steps, so that no function on traces throws.
 */
import * as Predicate from "effect/Predicate"
import type { SpannedStep } from "./spanParts.js"

export interface GivenStep extends SpannedStep {
  readonly tokens: { readonly prompt: number; readonly completion: number; readonly total: number } | undefined
}

export interface GivenTrace {
  readonly flowRun: {
    readonly id: string
    readonly status: string
    readonly flowId: string | undefined
    readonly startedAt: string | undefined
    readonly completedAt: string | undefined
    readonly durationMs: number | undefined
  }
  readonly steps: ReadonlyArray<GivenStep>
}

type Fields = { readonly [key: string]: unknown }

export const fieldsOf = (u: unknown): Fields => Predicate.isRecord(u) ? u : {}

export const textOf = (u: unknown): string | undefined => typeof u === "string" ? u : undefined

export const numberOf = (u: unknown): number | undefined => typeof u === "number" && Number.isFinite(u) ? u : undefined

/** The records among any values. */
export const recordsIn = (u: unknown): ReadonlyArray<Fields> =>
  Predicate.isIterable(u) ? Array.from(u).filter(Predicate.isRecord) : []

export const tokensOf = (u: unknown): NonNullable<GivenStep["tokens"]> => {
  const { completion, prompt, total } = fieldsOf(u)
  return { prompt: numberOf(prompt) ?? 0, completion: numberOf(completion) ?? 0, total: numberOf(total) ?? 0 }
}

const stepOf = (fields: Fields): GivenStep => ({
  stepId: textOf(fields.stepId) ?? "unknown",
  attempt: numberOf(fields.attempt) ?? 1,
  loopIndex: numberOf(fields.loopIndex),
  status: textOf(fields.status) ?? "unknown",
  startedAt: textOf(fields.startedAt),
  completedAt: textOf(fields.completedAt),
  durationMs: numberOf(fields.durationMs),
  waitingMs: numberOf(fields.waitingMs),
  modelUsed: textOf(fields.modelUsed),
  tokens: Predicate.isRecord(fields.tokens) ? tokensOf(fields.tokens) : undefined,
  costUsd: textOf(fields.costUsd),
  inputContext: fields.inputContext ?? undefined,
  outputContext: fields.outputContext ?? undefined,
  errorContext: fields.errorContext ?? undefined
})

/** The trace, or the attempts at one step. */
export const givenTrace = (u: unknown): GivenTrace => {
  const trace = fieldsOf(u)
  const run = fieldsOf(trace.flowRun)
  return {
    flowRun: {
      id: textOf(run.id) ?? "unknown",
      status: textOf(run.status) ?? "unknown",
      flowId: textOf(run.flowId),
      startedAt: textOf(run.startedAt),
      completedAt: textOf(run.completedAt),
      durationMs: numberOf(run.durationMs)
    },
    steps: recordsIn(trace.steps ?? trace.attempts).map(stepOf)
  }
}
