/**
 * Values of one client where the other's are expected: what a program gives must be taken by ours, and what it expects
 * must come from ours. Compiled by `PublishedTypes.slow.test.ts` and by the checks; never run.
 */
import type * as Ours from "@effect-noukai/promise"
import type * as Published from "@noukai/sdk"

/** `A` can stand where `B` is expected. */
type Fits<A extends B, B> = [A, B]

type Method<C, K extends keyof C> = C[K] extends (...args: infer A) => infer R ? { args: A; result: R } : never
type Taken<C, K extends keyof C> = Method<C, K>["args"]
type Given<C, K extends keyof C> = Method<C, K>["result"]

/** The events that a loop gives. */
type Element<I> = I extends AsyncIterable<infer A> ? A : never

export type Options = [
  Fits<Omit<Published.NoukaiOptions, "onLog">, Ours.NoukaiOptions>,
  Fits<Taken<Published.Noukai, "flow">, Taken<Ours.Noukai, "flow">>,
  Fits<Taken<Published.Flow, "execute">, Taken<Ours.Flow, "execute">>,
  Fits<Taken<Published.Flow, "executeAsync">, Taken<Ours.Flow, "executeAsync">>,
  Fits<Taken<Published.Flow, "steps">, Taken<Ours.Flow, "steps">>,
  Fits<Taken<Published.Flow, "events">, Taken<Ours.Flow, "events">>,
  Fits<Taken<Published.Flow, "run">, Taken<Ours.Flow, "run">>,
  Fits<Taken<Published.Job, "poll">, Taken<Ours.Job, "poll">>,
  Fits<Taken<Published.Job, "wait">, Taken<Ours.Job, "wait">>,
  Fits<Taken<Published.Run, "trace">, Taken<Ours.Run, "trace">>,
  Fits<Taken<Published.Run, "stepTrace">, Taken<Ours.Run, "stepTrace">>,
  Fits<Taken<Published.Run, "liveTrace">, Taken<Ours.Run, "liveTrace">>,
  Fits<Taken<Published.PausedResult, "resume">, Taken<Ours.PausedResult, "resume">>,
  Fits<Taken<Published.ToolCallsRequired, "resume">, Taken<Ours.ToolCallsRequired, "resume">>,
  Fits<Omit<Published.TraceScopeOptions, "transport">, Ours.TraceScopeOptions>,
  Fits<Published.ExecuteRequest, Ours.ExecuteRequest>,
  Fits<Published.StepRequest, Ours.StepRequest>
]

export type Results = [
  Fits<Ours.ExecuteResult, Published.ExecuteResult>,
  Fits<Ours.PausedResult, Published.PausedResult>,
  Fits<Awaited<Given<Ours.Flow, "execute">>, Awaited<Given<Published.Flow, "execute">>>,
  Fits<Element<Given<Ours.Flow, "steps">>, Element<Given<Published.Flow, "steps">>>,
  Fits<Element<Given<Ours.Flow, "events">>, Element<Given<Published.Flow, "events">>>,
  Fits<Element<Given<Ours.Run, "liveTrace">>, Element<Given<Published.Run, "liveTrace">>>,
  Fits<Awaited<Given<Ours.Run, "trace">>, Awaited<Given<Published.Run, "trace">>>,
  Fits<Awaited<Given<Ours.Run, "stepTrace">>, Awaited<Given<Published.Run, "stepTrace">>>,
  Fits<Omit<Awaited<Given<Ours.Job, "wait">>, "status">, Omit<Published.JobStatus, "status">>,
  Fits<Ours.JobAccepted, Published.JobAccepted>,
  Fits<Ours.StreamEvent, Published.StreamEvent>,
  Fits<Ours.Trace, Published.Trace>,
  Fits<Ours.StepAttempts, Published.StepAttempts>,
  Fits<Ours.TokenBreakdown, Published.TokenBreakdown>,
  Fits<typeof Ours.ServerErrorCode, typeof Published.ServerErrorCode>,
  Fits<Ours.NoukaiError, Published.NoukaiError>,
  Fits<Ours.RateLimitError, Published.RateLimitError>,
  Fits<Ours.APITimeoutError, Published.APITimeoutError>,
  Fits<ReturnType<typeof Ours.currentSessionId>, ReturnType<typeof Published.currentSessionId>>
]

type Made<C> = C extends abstract new(...args: infer A) => unknown ? A : never

type ErrorName = {
  [K in keyof typeof Published]: (typeof Published)[K] extends new(message: string) => Published.NoukaiError ? K : never
}[keyof typeof Published]

/** Errors are made as there. */
export type Constructors = Fits<
  { [K in ErrorName]: Made<(typeof Published)[K]> extends Made<(typeof Ours)[K]> ? true : never },
  Record<ErrorName, true>
>
