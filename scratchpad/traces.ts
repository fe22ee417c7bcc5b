import { RunService, Trace } from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"

const flow = "acme/spelling/grade-3"

// what a run cost, step by step and in all
export const cost = (executionId: string) =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const totals = Trace.totals(yield* runs.trace(flow, executionId))
    const steps = totals.steps.map(({ costUsd, stepId }) => `${stepId} $${costUsd}`)
    return [...steps, `in all $${totals.costUsd}`].join(", ")
  })

// where its time went: at work, waiting for tools, and between the steps
export const time = (executionId: string) =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const { busyMs, waitingMs, wallMs } = Trace.totals(yield* runs.trace(flow, executionId))
    return `${wallMs} ms: ${busyMs} at work, ${waitingMs} for tools, ${wallMs - busyMs - waitingMs} between`
  })

// every attempt at one step: the result type follows `attempt`
export const attempts = (executionId: string, stepId: string) =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const { attempts } = yield* runs.stepTrace(flow, executionId, stepId, { attempt: "all" })
    return attempts.map(({ attempt, status }) => `${attempt}: ${status}`)
  })

// what has happened so far, then what happens, up to the end of the run
export const watch = (executionId: string) =>
  Stream.unwrap(Effect.map(RunService, (runs) => runs.liveTrace(flow, executionId))).pipe(
    Stream.map((event) => event.type)
  )
