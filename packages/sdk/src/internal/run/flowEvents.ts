/** `FlowService.events` and `steps`: from the input of a caller to a walk through a run. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import type { FirstCall, FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent } from "../../FlowEvent.js"
import type { APITimeoutError, CallError, InvalidRequestError, ToolCallLimitError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"
import { deferred, fromSource, type Source } from "../core/streamPull.js"
import { flatMapNow } from "../core/wire.js"
import { CallProgress, resolveCall, totalTimeout } from "../operations/call.js"
import type { HttpService } from "../operations/operations.js"
import { resolveSession } from "../operations/scope.js"
import * as Address from "../options/address.js"
import type { FlowRef } from "../options/address.js"
import { encodeParameters } from "../options/flowCodec.js"
import * as FlowStream from "./flowStream.js"
import { declarationsOf, type EventsInputOf, eventsInputs, wireAttachments } from "./runInput.js"
import type { StreamSettings } from "./streamHealing.js"
import { answeringOf } from "./toolAnswering.js"
import * as Toolkit from "./toolkit.js"

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

type EventStream<E, R> = Stream.Stream<
  FlowEvent,
  E | CallError | ToolCallLimitError,
  R
>

type FlowEventSource<E, R> = Source<
  FlowEvent,
  E | CallError | ToolCallLimitError,
  R
>

const start = <E, R>(
  http: HttpService,
  only: "steps" | "events",
  flow: FlowRef<never>,
  given: EventsInputOf<E, R>
): Effect.Effect<FlowEventSource<E, R>, E | APITimeoutError | InvalidRequestError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const method = only === "steps" ? "FlowService.steps" : "FlowService.events"
    const resolved = resolveCall(http, method, flow, eventsInputs[only], given)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const { address, addressText, input, total } = resolved.right
    const { tools } = input
    if (Toolkit.isUnresolved(tools)) {
      const facts = { method, flow: addressText, executionId: () => input.from?.executionId }
      // one timeout over the effect that provides the tools and the stream
      return Effect.flatMap(
        Effect.timed(totalTimeout(Toolkit.resolve(method, tools), total, facts, new CallProgress())),
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
      answering: answeringOf({ ...input, tools }),
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
    const begin = (parameters: unknown): Effect.Effect<FlowEventSource<E, R>> => {
      const cursor: FlowCursor = {
        ...(from ?? { version: 1, flow: addressText, flowVersion, stepIndex: 0, outputs: {}, rounds: 0 }),
        ...(sessionId === undefined ? undefined : { sessionId }),
        first: firstCall(input, parameters)
      }
      return Either.right(FlowStream.begin(fiber, settings, { cursor, begun: false, mayBeOver: from !== undefined }))
    }
    return from !== undefined && input.parameters === undefined
      ? begin(undefined)
      : flatMapNow(encodeParameters(method, addressText, flow, input.parameters), begin)
  })

export const stream =
  (http: HttpService, only: "steps" | "events") =>
  <E, R>(flow: FlowRef<never>, input: EventsInputOf<E, R>): EventStream<E, R> =>
    fromSource(() =>
      deferred<FlowEvent, E | CallError | ToolCallLimitError, R>(
        start(http, only, flow, input)
      )
    )
