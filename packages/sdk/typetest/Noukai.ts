/** Types of what goes around calls: a schedule for whatever fails. */
import {
  type CallError,
  type ExecuteResult,
  type FlowEvent,
  type FlowService,
  Noukai,
  type NoukaiError
} from "@effect-noukai/sdk"
import { Effect, type Schedule, Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service

// it takes errors of any kind, adds none and needs nothing
expectTypeOf<typeof Noukai.retryable>().toExtend<Schedule.Schedule<unknown, NoukaiError>>()
expectTypeOf<typeof Noukai.retryable>().toExtend<Schedule.Schedule<unknown, Error | string>>()
expectTypeOf(Effect.retry(flows.execute("a/b/c", {}), Noukai.retryable))
  .toEqualTypeOf<Effect.Effect<ExecuteResult<unknown>, CallError>>()
expectTypeOf(Effect.retry(flows.execute("a/b/c", {}), { schedule: Noukai.retryable, times: 8 }))
  .toEqualTypeOf<Effect.Effect<ExecuteResult<unknown>, CallError>>()
expectTypeOf(Stream.retry(flows.events("a/b/c", {}), Noukai.retryable))
  .toEqualTypeOf<Stream.Stream<FlowEvent.RunEvent, CallError>>()
