/**
 * `FlowService.events` and `steps`: from the input of a caller to a walk through a run, from its beginning, from a cursor,
 * or from the answer to a pause.
 *
 * @see contract 7.4–7.6
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FirstCall, FlowCursor } from "../../FlowCursor.js"
import type { APITimeoutError, CallError, InvalidRequestError, ToolCallLimitError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { clockOf } from "../core/fiber.js"
import { amended, invalid } from "../core/makeError.js"
import { deferred, fromSource, type Source } from "../core/streamPull.js"
import { monotonic, timeLimit, unsafeMonotonic } from "../core/time.js"
import { flatMapNow } from "../core/wire.js"
import { CallProgress, resolveCall, totalTimeout } from "../operations/call.js"
import type { HttpService } from "../operations/operations.js"
import { resolveSession } from "../operations/scope.js"
import * as Address from "../options/address.js"
import type { FlowRef } from "../options/address.js"
import { encodeParameters } from "../options/flowCodec.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import type { DeliveredRunEvent } from "./deliveredEvent.js"
import { RunCosts } from "./runCosts.js"
import { isOver } from "./runFold.js"
import { declarationsOf, type EventsInputOf, eventsInputs, wireAttachments } from "./runInput.js"
import type { Origin, StreamSettings } from "./streamHealing.js"
import { type EventPull, StreamWalk } from "./streamWalk.js"
import type { ToolResult } from "./tool.js"
import * as Tools from "./toolRound.js"

type RunStream<E, R> = Stream.Stream<DeliveredRunEvent, E | CallError, R>

const resume = <E, R>(
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
  const begun = Effect.withFiberRuntime<Source<DeliveredRunEvent, CallError>>((fiber) =>
    Effect.succeed(begin(fiber, manual, origin))
  )
  // the stream that paused may still be open, and holds no more of its budgets than it has cost
  const settled = paused?.settle({ executionId: cursor.executionId, sent: "yes", goesOn: false }) ?? Effect.void
  return fromSource(() => deferred(Effect.zipRight(settled, begun)))
}

/** Limits each pull by the rest of the total timeout. */
const timed = <E, R>(walk: StreamWalk<E, R>, clock: Clock.Clock, total: number): EventPull<E, R> => {
  const end = unsafeMonotonic(clock) + total
  const timedOut = Effect.failSync(() => Option.some(walk.timedOut(total)))
  return Effect.flatMap(monotonic, (now) => end > now ? timeLimit(walk.pull, end - now, timedOut) : timedOut)
}

/** The events of a run, from an origin to its end or its next pause for the caller, as a fiber begins to read them. */
const begin = <E, R>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  settings: StreamSettings<E, R>,
  origin: Origin
): Source<DeliveredRunEvent, E | CallError, R> => {
  const name = settings.only === "steps" ? spanNames.steps : spanNames.events
  const costs = RunCosts.of(fiber, settings)
  const walk = new StreamWalk(
    settings,
    origin,
    costs,
    Spans.streamSpans(fiber, name, { ...settings, executionId: origin.cursor.executionId }),
    Metrics.executionStarted(fiber, settings.only, settings.address),
    (cursor, results) => resume(settings, costs, cursor, results)
  )
  const { timeout } = settings
  return {
    pull: timeout === undefined ? walk.pull : timed(walk, clockOf(fiber), timeout),
    close: costs === undefined ? walk.close : (exit) =>
      Effect.zipRight(
        walk.close(exit),
        Effect.suspend(() => walk.callEnd === undefined ? Effect.void : costs.settle(walk.callEnd))
      )
  }
}

/**
 * The fields of the first request; of a run that goes on, those of its first request then, unless they are given anew.
 */
const firstCall = (input: EventsInputOf<unknown, unknown>, parameters: unknown): FirstCall => {
  const attachments = wireAttachments(input.attachments)
  return {
    ...input.from?.first,
    ...(input.message === undefined ? undefined : { message: input.message }),
    ...(parameters === undefined ? undefined : { parameters: parameters as { readonly [name: string]: unknown } }),
    ...(attachments === undefined ? undefined : { attachments })
  }
}

type RunSource<E, R> = Source<DeliveredRunEvent, E | CallError | ToolCallLimitError, R>

const start = <E, R>(
  http: HttpService,
  only: "steps" | "events",
  flow: FlowRef<never>,
  given: EventsInputOf<E, R>
): Effect.Effect<RunSource<E, R>, E | APITimeoutError | InvalidRequestError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const method = only === "steps" ? "FlowService.steps" : "FlowService.events"
    const resolved = resolveCall(http, method, flow, eventsInputs[only], given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const { address, addressText, input, total } = resolved.right
    const { tools } = input
    if (Tools.isUnresolved(tools)) {
      const facts = { method, flow: addressText, executionId: () => input.from?.executionId }
      // one timeout over the effect that provides the tools and the stream
      return Effect.flatMap(
        Effect.timed(totalTimeout(Tools.resolve(method, tools), total, facts, new CallProgress())),
        ([took, handled]) =>
          start(http, only, flow, {
            ...input,
            tools: handled,
            ...(total === undefined ? undefined : { timeout: Math.max(0, total - Duration.toMillis(took)) })
          })
      )
    }
    const version = Address.versionOf(input.version)
    if (version === "draft") {
      const reason = "the draft cannot be streamed step by step"
      return Effect.fail(invalid(method, "version", reason, { flow: addressText }))
    }

    const { from } = input
    const flowVersion = from?.flowVersion ?? version
    const session = resolveSession(fiber, http, input.sessionId ?? from?.sessionId, { method, flow: addressText })
    if (Either.isLeft(session)) return Effect.fail(session.left)
    const sessionId = session.right
    const settings: StreamSettings<E | ToolCallLimitError, R> = {
      http,
      method,
      flow,
      address,
      addressText,
      version: flowVersion,
      sessionId,
      options: input,
      answering: Tools.answeringOf({ ...input, tools }),
      maxCostUsd: input.maxCostUsd,
      only,
      everyRequest: {
        inputOverrides: input.inputOverrides ?? {},
        blockOverrides: input.blockOverrides,
        runRemaining: input.runRemaining ?? false,
        tools: declarationsOf(tools),
        toolChoice: input.toolChoice,
        trace: input.snapshots ?? false
      },
      heal: input.heal,
      timeout: total
    }
    const beginWith = (parameters: unknown): Effect.Effect<RunSource<E, R>> => {
      const cursor: FlowCursor = {
        ...(from ?? { version: 1, flow: addressText, flowVersion, stepIndex: 0, outputs: {}, rounds: 0 }),
        ...(sessionId === undefined ? undefined : { sessionId }),
        first: firstCall(input, parameters)
      }
      return Either.right(begin(fiber, settings, { cursor, begun: false, mayBeOver: from !== undefined }))
    }
    return from !== undefined && input.parameters === undefined
      ? beginWith(undefined)
      : flatMapNow(encodeParameters(method, addressText, flow, input.parameters), beginWith)
  })

export const stream =
  (http: HttpService, only: "steps" | "events") =>
  <E, R>(flow: FlowRef<never>, input: EventsInputOf<E, R>): RunStream<E | ToolCallLimitError, R> =>
    fromSource(() => deferred<DeliveredRunEvent, E | CallError | ToolCallLimitError, R>(start(http, only, flow, input)))
