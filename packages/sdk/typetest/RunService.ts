/** Types of reading runs: the result of `stepTrace` follows `attempt`. */
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import { type CallError, Flow, type FlowEvent, type RunService, type Trace } from "@effect-noukai/sdk"
import type { Attempt, StepTraceOptions } from "@effect-noukai/sdk/RunService"
import { type BigDecimal, type Effect, Schema, type Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const runs: RunService.Service

expectTypeOf(runs.trace("a/b/c", "id")).toEqualTypeOf<Effect.Effect<Trace.Trace, CallError, never>>()
expectTypeOf(runs.summary("a/b/c", "id")).toEqualTypeOf<Effect.Effect<Trace.FlowRun, CallError, never>>()
expectTypeOf(runs.cost("a/b/c", "id")).toEqualTypeOf<Effect.Effect<Trace.RunCost, CallError, never>>()
expectTypeOf(runs.list({ flowId: "fl_1", limit: 5, status: "failed" })).toEqualTypeOf<
  Stream.Stream<Trace.FlowRun, CallError, never>
>()
// @ts-expect-error the server lists no runs by address
void runs.list({ flow: "a/b/c" })
// @ts-expect-error a flow is needed
void runs.list({})
// @ts-expect-error statuses are known
void runs.list({ flowId: "fl_1", status: "paused" })

// a flow with any schemas names a run
const Grade = Flow.make("a/b/c", { parameters: Schema.Struct({ level: Schema.Number }), result: Schema.Number })
void runs.trace(Grade, "id")

type One = Effect.Effect<Trace.StepTrace, CallError, never>
type All = Effect.Effect<Trace.StepAttempts, CallError, never>

expectTypeOf(runs.stepTrace("a/b/c", "id", "s")).toEqualTypeOf<One>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", {})).toEqualTypeOf<One>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { loopIndex: 1 })).toEqualTypeOf<One>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { attempt: "latest" })).toEqualTypeOf<One>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { attempt: 2, loopIndex: 0 })).toEqualTypeOf<One>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { attempt: "all" })).toEqualTypeOf<All>()
expectTypeOf(runs.stepTrace(Grade, "id", "s", { attempt: "all", loopIndex: 1, timeout: "5 seconds" })).toEqualTypeOf<
  All
>()

// known only at run time: either
declare const attempt: Attempt
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { attempt })).toEqualTypeOf<
  Effect.Effect<Trace.StepTrace | Trace.StepAttempts, CallError, never>
>()
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", { attempt: undefined })).toEqualTypeOf<
  Effect.Effect<Trace.StepTrace | Trace.StepAttempts, CallError, never>
>()
declare const options: StepTraceOptions
expectTypeOf(runs.stepTrace("a/b/c", "id", "s", options)).toEqualTypeOf<
  Effect.Effect<Trace.StepTrace | Trace.StepAttempts, CallError, never>
>()
// @ts-expect-error an attempt is a number, "latest" or "all"
void runs.stepTrace("a/b/c", "id", "s", { attempt: "first" })
// @ts-expect-error a typo is seen
void runs.stepTrace("a/b/c", "id", "s", { attempt: "all", loopindex: 1 })

expectTypeOf<Trace.StepTrace["costUsd"]>().toEqualTypeOf<string | undefined>()
expectTypeOf<Trace.Totals["cost"]>().toEqualTypeOf<BigDecimal.BigDecimal>()
expectTypeOf<Trace.Totals["waitingMs"]>().toEqualTypeOf<number>()
expectTypeOf<Trace.Totals["steps"][number]["costUsd"]>().toEqualTypeOf<string>()
expectTypeOf<Trace.Totals["models"][number]["model"]>().toEqualTypeOf<string | undefined>()

// the events of the run itself, with the result in the type of the flow
expectTypeOf(runs.liveTrace("a/b/c", "id")).toEqualTypeOf<
  Stream.Stream<FlowEvent.FlowEvent<unknown>, CallError, never>
>()
expectTypeOf(runs.liveTrace(Grade, "id", { idleTimeout: "1 minute" })).toEqualTypeOf<
  Stream.Stream<FlowEvent.FlowEvent<number>, CallError, never>
>()
// @ts-expect-error a stream has clocks of its own
void runs.liveTrace("a/b/c", "id", { attemptTimeout: "1 minute" })

declare const stored: Trace.Trace
expectTypeOf(TraceSpans.toSpans(stored, { flow: { org: "a", project: "b", slug: "c" }, payloads: true })).toEqualTypeOf<
  TraceSpans.OtlpTraces
>()
