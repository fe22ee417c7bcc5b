/** Arbitraries of the values that the testing module builds. */
import { events, type RecordedRun, recording, session, type SessionRun } from "@effect-noukai/report/testing"
import type { Cassette, FlowEvent } from "@effect-noukai/sdk"
import * as FastCheck from "effect/FastCheck"
import { pauseFields } from "../../../report/src/internal/runs.js"
import type { ExecuteResponse } from "../../src/internal/operations/requests.js"

/** Arbitraries for property tests, of fast-check. */
export interface Arbitraries {
  /** Any value that JSON can hold. */
  readonly json: FastCheck.Arbitrary<unknown>
  /** A response of `/execute`: a result, a failure, or a pause. */
  readonly response: FastCheck.Arbitrary<ExecuteResponse>
  /** The events of a whole run, in their order: completed, failed, with partial outputs, with unknown events. */
  readonly run: FastCheck.Arbitrary<ReadonlyArray<FlowEvent.WireEvent>>
  /** A cassette of a recorded session. */
  readonly session: FastCheck.Arbitrary<Cassette.SessionCassette>
  /** A cassette of a recording. */
  readonly recording: FastCheck.Arbitrary<Cassette.RecordedCassette>
}

/** A JSON value as it comes out of a response: without `-0`, and with `__proto__` an ordinary key. */
const json: FastCheck.Arbitrary<unknown> = FastCheck.jsonValue({ maxDepth: 3 }).map((value): unknown =>
  JSON.parse(JSON.stringify(value))
)

const id = FastCheck.uuid()

const slug = FastCheck.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/)

const problem = FastCheck.oneof(
  FastCheck.record({
    code: FastCheck.constantFrom("INTERNAL_ERROR", "CREDITS_EXHAUSTED", "X"),
    message: FastCheck.string()
  }),
  FastCheck.string()
)

const tools = FastCheck.array(
  FastCheck.record({ id, name: FastCheck.constantFrom("get_weather", "lookup_order"), arguments: json }),
  { minLength: 1, maxLength: 3 }
)

const ended = (status: "completed" | "failed", result: FastCheck.Arbitrary<unknown>) =>
  FastCheck.record({
    status: FastCheck.constant(status),
    result,
    flowId: id,
    blockCount: FastCheck.nat(20),
    executionId: id
  })

const response: FastCheck.Arbitrary<ExecuteResponse> = FastCheck.oneof(
  ended("completed", json),
  ended("failed", problem),
  FastCheck.record({ executionId: id, pausedAtStep: slug, tools }).map(({ executionId, pausedAtStep, tools }) => ({
    status: "tool_calls_required" as const,
    executionId,
    pausedAtStep,
    ...pauseFields(tools)
  }))
)

const step = FastCheck.record({
  stepId: slug,
  output: json,
  partials: FastCheck.array(json, { maxLength: 2 }),
  unknown: FastCheck.boolean()
})

const run: FastCheck.Arbitrary<ReadonlyArray<FlowEvent.WireEvent>> = FastCheck.record({
  executionId: id,
  steps: FastCheck.array(step, { minLength: 1, maxLength: 4 }),
  failure: FastCheck.option(problem, { nil: undefined })
}).map(({ executionId, failure, steps }) => [
  events.runStarted({ executionId, stepCount: steps.length }),
  ...steps.flatMap(({ output, partials, stepId, unknown }, place): ReadonlyArray<FlowEvent.WireEvent> => [
    events.stepStarted(stepId),
    ...partials.map((partial) => events.stepOutput(stepId, partial)),
    ...(unknown ? [{ type: "unknown" as const, name: "step_progress", data: { stepId } }] : []),
    failure !== undefined && place === steps.length - 1
      ? events.stepError(stepId, failure)
      : events.stepCompleted(stepId, output)
  ]),
  ...(failure === undefined ? [events.flowCompleted(steps.at(-1)!.output, { executionId })] : [])
])

const sessionRun: FastCheck.Arbitrary<SessionRun> = FastCheck.record({
  slug: FastCheck.constantFrom("grade-3", "answer", "summary"),
  trigger: FastCheck.constantFrom("execute" as const, "step" as const),
  steps: FastCheck.dictionary(slug, json, { minKeys: 1, maxKeys: 3 }),
  executionId: id,
  error: FastCheck.option(FastCheck.record({ stepId: FastCheck.constant("last-step"), code: slug, message: slug }), {
    nil: undefined
  })
})

const recordedRun: FastCheck.Arbitrary<RecordedRun> = FastCheck.record({
  flow: FastCheck.constantFrom("acme/spelling/grade-3", "acme/support/answer"),
  version: FastCheck.constantFrom("production" as const, "draft" as const, 1, 2),
  message: FastCheck.string(),
  parameters: FastCheck.dictionary(slug, json, { maxKeys: 3 }),
  result: json,
  executionId: id
})

/**
 * Arbitraries of responses of Noukai, and of cassettes.
 *
 * @example
 * ```ts
 * import { arbitraries } from "@effect-noukai/report/testing"
 * import { FastCheck } from "effect"
 *
 * FastCheck.assert(FastCheck.property(arbitraries.run, (events) => events[0]?.type === "run_started"))
 * ```
 */
export const arbitraries: Arbitraries = {
  json,
  response,
  run,
  session: FastCheck.array(sessionRun, { maxLength: 5 }).map((runs) => session(...runs)),
  recording: FastCheck.array(recordedRun, { maxLength: 5 }).map((runs) => recording(...runs))
}
