/** Types of `Budget`. */
import {
  Budget,
  type BudgetExceededError,
  type CallError,
  type FlowService,
  type InvalidRequestError
} from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service
declare const budget: Budget.Budget

expectTypeOf(Budget.make({ limitUsd: 1 })).toEqualTypeOf<Effect.Effect<Budget.Budget, InvalidRequestError>>()
expectTypeOf(Budget.make({ limitUsd: "1", perRun: 0.1 })).toEqualTypeOf<
  Effect.Effect<Budget.Budget, InvalidRequestError>
>()
// @ts-expect-error a limit is required
Budget.make({ perRun: 1 })

// within a budget a type stays as it is: every call may fail with the budget's error
const call = flows.execute("a/b/c", { message: "hi" })
expectTypeOf(call.pipe(Budget.within(budget))).toEqualTypeOf(call)
expectTypeOf(Budget.within(call, budget)).toEqualTypeOf(call)
expectTypeOf<Extract<CallError, BudgetExceededError>>().toEqualTypeOf<BudgetExceededError>()
expectTypeOf(Effect.succeed(1).pipe(Budget.within(budget))).toEqualTypeOf<Effect.Effect<number>>()

const events = flows.events("a/b/c", { message: "hi" })
expectTypeOf(events.pipe(Budget.withinStream(budget))).toEqualTypeOf(events)
expectTypeOf(Stream.make(1).pipe(Budget.withinStream(budget))).toEqualTypeOf<Stream.Stream<number>>()

expectTypeOf(Budget.state(budget)).toEqualTypeOf<Effect.Effect<Budget.State>>()
expectTypeOf(Budget.current).toEqualTypeOf<Effect.Effect<ReadonlyArray<Budget.Budget>>>()
// @ts-expect-error not a budget
Budget.within({ limitUsd: "1", perRun: undefined })
