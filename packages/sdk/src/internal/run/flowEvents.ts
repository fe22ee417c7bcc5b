/**
 * `FlowService.events` and `steps`: from the input of a caller to a walk through a run, from its beginning, from a cursor,
 * or from the answer to a pause. A run of `execute` whose cost is limited walks, too: one paid step per request, with the
 * answers that `/execute` would have given.
 *
 * @see docs/wire.md#order-of-events
 * @see docs/wire.md#cursor
 * @see docs/wire.md#pauses
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent, ToolCallsRequired } from "../../FlowEvent.js"
import type { APITimeoutError, CallError, InvalidRequestError, ToolCallLimitError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { type AnyFiber, readFiber } from "../core/fiber.js"
import { withRaw } from "../core/json.js"
import { amended, invalid, known } from "../core/makeError.js"
import { fromProgram, fromSource } from "../core/streamPull.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import { type HttpService, resolveCall, resolveSession } from "../operations/operations.js"
import type { ExecuteBody, ExecuteEnded, ExecutePaused } from "../operations/requests.js"
import * as Address from "../options/address.js"
import type { Decode } from "../options/callOptions.js"
import { encodeParameters } from "../options/flowCodec.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { withStepSpans } from "../trace/stepSpans.js"
import type { AnyRun, MoreEndpoints, WalkAnswer } from "./executeRun.js"
import { RunCosts } from "./runCosts.js"
import { isOver, startOf } from "./runFold.js"
import { type EventsInputOf, eventsInputs, runFields } from "./runInput.js"
import { runPosition } from "./runPosition.js"
import { everyOfWalk, everyRequest, firstCall, type Origin, type StreamSettings } from "./streamHealing.js"
import { StreamWalk } from "./streamWalk.js"
import type { ToolCall, ToolResult } from "./tool.js"
import * as Tools from "./toolRound.js"

export type RunStream<E, R> = Stream.Stream<FlowEvent, E | CallError, R>

/** The stream of a walk that begins when it is first pulled. */
export const streamOf = <E, R>(begin: Effect.Effect<StreamWalk<E, R>, E | CallError, R>): RunStream<E, R> =>
  fromSource(() => {
    let walk: StreamWalk<E, R> | undefined
    const { close, pull } = fromProgram<FlowEvent, E | CallError, R>((emit) =>
      Effect.flatMap(begin, (begun) => {
        walk = begun
        return begun.run(emit)
      })
    )
    return {
      pull,
      close: (exit) =>
        Effect.flatMap(
          close(exit),
          () => walk === undefined ? Effect.void : Effect.zipRight(walk.close(exit), walk.settle(exit))
        )
    }
  })

/** Goes on from a pause that its caller answers. */
export const resume = <E, R>(
  settings: StreamSettings<E, R>,
  paused: RunCosts | undefined,
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
): RunStream<never, never> => {
  const { pending } = cursor
  const facts = { flow: settings.addressText, executionId: cursor.executionId }
  const refused = (error: InvalidRequestError) => Stream.fail(amended(error, {}, () => cursor))
  if (pending === undefined) return refused(invalid(settings.method, "results", "answer no pause", facts))
  const answers = Tools.answersOf(settings.method, pending.toolCalls ?? [], results, facts)
  if (Either.isLeft(answers)) return refused(answers.left)
  const answered = { ...cursor, pending: Tools.answeredPause(pending, answers.right) }
  // only a pause that is answered by hand is resumed, so there is no handler
  const manual: StreamSettings<never, never> = { ...settings, answering: { _tag: "manual" } }
  const origin: Origin = { cursor: answered, begun: true, mayBeOver: isOver(cursor) }
  // the stream that paused may still be open, and reserves no more of its budgets than it has cost
  const settled = paused?.settle({ executionId: cursor.executionId, sent: "yes" }) ?? Effect.void
  return streamOf(Effect.zipRight(
    settled,
    readFiber((fiber) => begin(fiber, manual, origin))
  ))
}

/** The walk through a run, from an origin to its end or its next pause for the caller. */
export const begin = <E, R>(
  fiber: AnyFiber,
  settings: StreamSettings<E, R>,
  origin: Origin
): StreamWalk<E, R> => {
  const name = settings.only === "steps" ? spanNames.steps : spanNames.events
  const costs = RunCosts.of(fiber, settings)
  costs?.began(origin.told)
  return new StreamWalk(
    settings,
    origin,
    costs,
    Spans.streamSpans(fiber, name, { executionId: origin.cursor.executionId, ...settings }),
    Metrics.executionStarted(fiber, settings.only, settings),
    (cursor, results) => resume(settings, costs, cursor, results)
  )
}

/** A streamed run before its first request. */
interface PreparedRun<E, R, I> {
  readonly fiber: AnyFiber
  readonly input: I
  readonly settings: StreamSettings<E | InvalidRequestError | ToolCallLimitError, R>
  readonly cursor: FlowCursor
}

/** The place of a new run with the outputs of another one. */
const anew = ({ flow, flowVersion, outputs, stepIndex, ...from }: FlowCursor): FlowCursor => ({
  version: 1,
  flow,
  flowVersion,
  stepIndex,
  outputs,
  rounds: 0,
  ...known({ digits: from.digits, stepCount: from.stepCount, first: from.first })
})

/** Reads the input of a streamed run. */
export const prepare = Effect.fnUntraced(function*<E, R, I extends EventsInputOf<E, R>>(
  http: HttpService,
  { decode, method, only, snapshots }: {
    readonly method: string
    readonly only: "steps" | "events"
    readonly decode: Decode<I>
    /** Whether snapshots are asked for by default. */
    readonly snapshots?: boolean
  },
  flow: Address.FlowRef<never>,
  given: I
): Effect.fn.Return<PreparedRun<E, R, I>, APITimeoutError | InvalidRequestError> {
  const { address, addressText, input, total } = yield* resolveCall(http, method, flow, decode, given)
  const { tools } = input
  const from = input.asNewRun === true && input.from !== undefined ? anew(input.from) : input.from
  const version = Address.versionOf(input.version)
  if (version === "draft") {
    const reason = "the draft cannot be streamed step by step"
    return yield* invalid(method, "version", reason, { flow: addressText })
  }
  const fiber = yield* readFiber(identity)
  const flowVersion = from?.flowVersion ?? version
  const explicit = input.sessionId ?? from?.sessionId
  const sessionId = yield* resolveSession(fiber, http, explicit, { method, flow: addressText })
  const parameters = from !== undefined && input.parameters === undefined
    ? undefined
    : yield* encodeParameters(method, addressText, flow, input.parameters)
  const fields = runFields(input, parameters, tools, input.snapshots ?? snapshots)
  const settings: StreamSettings<E | InvalidRequestError | ToolCallLimitError, R> = {
    http,
    method,
    flow,
    address,
    addressText,
    version: flowVersion,
    sessionId,
    options: input,
    answering: Tools.answeringOf(tools, input),
    maxCostUsd: input.maxCostUsd,
    only,
    everyRequest: everyRequest(fields, input.inputOverrides ?? {}, input.runRemaining ?? false),
    heal: input.heal,
    total
  }
  const cursor: FlowCursor = {
    ...startOf(addressText, flowVersion, {}),
    ...from,
    ...known({ sessionId }),
    // of a run that goes on, the first input then, unless it is given anew
    first: { ...from?.first, ...firstCall(input.message, fields) }
  }
  return { fiber, input, settings, cursor }
})

export const stream =
  (http: HttpService, only: "steps" | "events") =>
  <E, R>(flow: Address.FlowRef<never>, input: EventsInputOf<E, R>): RunStream<E | ToolCallLimitError, R> =>
    streamOf(Effect.map(
      prepare<E, R, EventsInputOf<E, R>>(
        http,
        { method: `FlowService.${only}`, only, decode: eventsInputs[only] },
        flow,
        input
      ),
      ({ cursor, fiber, settings }) =>
        begin(fiber, settings, { cursor, begun: false, mayBeOver: cursor.executionId !== undefined })
    ))

const walkSettings = (run: AnyRun, asExecute: ExecuteBody): StreamSettings<never, never> => ({
  ...run,
  // the result is decoded where the result of `/execute` is
  flow: run.addressText,
  answering: { _tag: "manual" },
  only: "events",
  everyRequest: everyOfWalk(run),
  heal: undefined,
  total: undefined,
  asExecute
})

const wireCall = (call: ToolCall): unknown =>
  call.raw ?? { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }

const pausedOf = ({ cursor, raw }: ToolCallsRequired, flowId: string | undefined): ExecutePaused => {
  const { executionId, outputs, pending, stepCount } = cursor
  const paused: ExecutePaused = {
    status: "tool_calls_required",
    executionId,
    pausedAtStep: pending?.stepId ?? "",
    iterationsUsed: pending?.iterationsUsed ?? 0,
    toolCallMessages: pending?.toolCallMessages ?? [],
    toolCalls: pending?.toolCalls?.map(wireCall),
    accumulatedOutputs: outputs,
    blockCount: stepCount,
    flowId
  }
  const digits = digitsIn([["toolCallMessages", pending?.digits], ["accumulatedOutputs", cursor.digits]])
  return withDigits(withRaw(paused, raw), digits)
}

const walk: MoreEndpoints["walk"] = (run, cursor, asExecute) =>
  Effect.suspend(() => {
    const source = new StreamWalk(
      walkSettings(run, asExecute),
      // a pause was within the limit when it was answered
      { cursor, begun: false, mayBeOver: false, isAfforded: true, progress: run.progress },
      run.costs,
      undefined,
      () => {},
      () => Stream.empty
    )
    let stepCount = cursor.stepCount
    const endedAs = (raw: unknown, facts: Omit<ExecuteEnded, "blockCount" | "flowId">, digits: unknown): WalkAnswer => {
      const response = withRaw({ ...facts, flowId: run.flowId, blockCount: stepCount }, raw)
      return { response: withDigits(response, digitsIn([["result", digits]])) }
    }

    const answerOf = (event: FlowEvent): WalkAnswer | undefined => {
      switch (event.type) {
        case "run_started":
          run.executionId ??= event.executionId || undefined
          run.flowId ??= event.flowId
          stepCount = event.stepCount ?? stepCount
          return undefined
        case "tool_calls_required":
          return { response: pausedOf(event, run.flowId), cursor: event.cursor }
        case "flow_completed": {
          const { executionId, raw, result } = event
          return endedAs(raw, { status: "completed", result, executionId }, digitsAt(digitsOf(event), "result"))
        }
        case "step_error": {
          const { error: result, raw, stepId } = event
          const { executionId } = run
          return endedAs(raw, { status: "failed", result, executionId, stepId }, digitsAt(digitsOf(event), "error"))
        }
        default:
          return undefined
      }
    }

    let answer: WalkAnswer | undefined
    const walked = source.run((events) =>
      Effect.sync(() => {
        for (const event of events) answer ??= answerOf(event)
      })
    )
    // a run never ends without an event that says so
    const ended = Effect.suspend(() =>
      answer === undefined ? Effect.dieMessage("the walk ended without an end") : Effect.succeed(answer)
    )
    return Effect.onExit(Effect.zipRight(walked, ended), source.close)
  })

export const moreEndpoints: MoreEndpoints = {
  walk,
  withStepSpans,
  position: ({ address: flow, http, method, options }, executionId) =>
    runPosition(
      (request) => http.request("trace", request),
      (request) => http.stream("traceStream", request),
      { method, flow, executionId, options }
    )
}
