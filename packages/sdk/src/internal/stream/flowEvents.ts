/**
 * `FlowService.events` and `steps`: from what a caller gives to a walk through a run.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { EventsInput } from "../../EventsInput.js"
import type { AnyParameters, FlowRef } from "../../Flow.js"
import { type FirstCall, FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent } from "../../FlowEvent.js"
import type { EventsError, InvalidRequestError, ToolCallLimitError } from "../../NoukaiError.js"
import { invalid } from "../errors/invalid.js"
import * as Checks from "../execute/executeInput.js"
import * as Address from "../flow/address.js"
import { encodeParameters } from "../flow/flowCodec.js"
import { sessionIdOf } from "../scope/callSession.js"
import type { HttpService } from "../seam/httpService.js"
import { milliseconds } from "../time/duration.js"
import { answeringOf } from "../tools/toolAnswering.js"
import * as Toolkit from "../tools/toolkit.js"
import { checkCounts, checkTools, declarationsOf } from "../tools/toolsInput.js"
import * as FlowStream from "./flowStream.js"
import type { Settings } from "./streamSettings.js"

type Input<E, R> = EventsInput<AnyParameters, Toolkit.Given<E, R> | undefined>

type AnyInput = Input<unknown, unknown>

type Resolved = Toolkit.Resolved<unknown, unknown> | undefined

const isCursor = Schema.is(FlowCursor)

const checkFrom = (
  input: AnyInput,
  addressText: string,
  tools: Resolved
): Checks.Problem | undefined => {
  const { from, version } = input
  if (from === undefined) return undefined
  const problem = (reason: string): Checks.Problem => ({ field: "from", reason })
  if (!isCursor(from)) return problem("is not the cursor of a run")
  if (from.flow !== addressText) return problem(`is of another flow, ${from.flow}`)
  if (version !== undefined && version !== from.flowVersion) {
    return problem(`is of another version, ${JSON.stringify(from.flowVersion)}`)
  }
  if (from.executionId === undefined && (from.stepIndex > 0 || from.pending !== undefined)) {
    return problem("names no run to go on with")
  }
  return from.pending?.toolCalls !== undefined && tools === undefined
    ? problem("waits for tool results: give tools")
    : undefined
}

const checkInput = (
  input: AnyInput,
  addressText: string,
  tools: Resolved,
  only: "steps" | "events"
): Checks.Problem | undefined =>
  ("messages" in input && input.messages !== undefined
    ? { field: "messages", reason: "cannot be streamed; give message, or use execute" }
    : undefined) ??
    (only === "steps" && input.runRemaining === true
      ? { field: "runRemaining", reason: "steps runs one step per request; use events" }
      : undefined) ??
    Checks.checkMessages(input.message, undefined) ??
    Checks.checkParameters(input.parameters) ??
    Checks.checkOverrides("inputOverrides", input.inputOverrides, false) ??
    Checks.checkOverrides("blockOverrides", input.blockOverrides, true) ??
    Checks.checkAttachments(input.attachments) ??
    checkTools(tools) ??
    Checks.checkToolChoice(input.toolChoice, declarationsOf(tools)) ??
    checkCounts(input) ??
    checkFrom(input, addressText, tools)

/** What the first request carries; of a run that goes on, what it carried then, unless it is given anew. */
const firstCall = (input: AnyInput, parameters: unknown): FirstCall => {
  const attachments = Checks.wireAttachments(input.attachments)
  return {
    ...input.from?.first,
    ...(input.message === undefined ? undefined : { message: input.message }),
    ...(parameters === undefined ? undefined : { parameters: parameters as { readonly [name: string]: unknown } }),
    ...(attachments === undefined ? undefined : { attachments })
  }
}

type Started<E, R> = Stream.Stream<FlowEvent, E | EventsError | ToolCallLimitError, R>

const start = <E, R>(
  http: HttpService,
  only: "steps" | "events",
  flow: FlowRef<never>,
  input: Input<E, R>
): Effect.Effect<Started<E, R>, E | InvalidRequestError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const method = only === "steps" ? "FlowService.steps" : "FlowService.events"
    const resolved = Address.resolve(method, flow, http.defaults)
    if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
    const address = resolved.right
    const addressText = Address.format(address)
    const { tools } = input
    if (Toolkit.isUnresolved(tools)) {
      return Effect.flatMap(
        Toolkit.resolve(method, tools),
        (handled) => start(http, only, flow, { ...input, tools: handled })
      )
    }
    const fail = (field: string, reason: string): Effect.Effect<never, InvalidRequestError> =>
      Effect.fail(invalid(method, field, reason, { flow: addressText }))
    const version = Address.checkVersion(method, input.version)
    if (Either.isLeft(version)) return Effect.fail(version.left)
    if (version.right === "draft") return fail("version", "the draft cannot be streamed step by step")
    const problem = checkInput(input, addressText, tools, only)
    if (problem !== undefined) return fail(problem.field, problem.reason)
    const total = milliseconds(method, "timeout", input.timeout ?? http.defaults.timeout ?? Infinity)
    if (Either.isLeft(total)) return Effect.fail(total.left)

    const { from } = input
    const flowVersion = from?.flowVersion ?? version.right
    const sessionId = sessionIdOf(fiber, http, input.sessionId ?? from?.sessionId)
    const settings: Settings<E | ToolCallLimitError, R> = {
      http,
      method,
      flow,
      address,
      addressText,
      version: flowVersion,
      sessionId,
      options: input,
      answering: answeringOf({ ...input, tools }),
      only,
      everyRequest: {
        inputOverrides: input.inputOverrides ?? {},
        blockOverrides: input.blockOverrides,
        runRemaining: input.runRemaining ?? false,
        tools: declarationsOf(tools),
        toolChoice: input.toolChoice,
        trace: input.trace ?? false
      },
      heal: input.heal,
      timeout: total.right
    }
    const begin = (parameters: unknown): Started<E, R> => {
      const cursor: FlowCursor = {
        ...(from ?? { version: 1, flow: addressText, flowVersion, stepIndex: 0, outputs: {}, rounds: 0 }),
        ...(sessionId === undefined ? undefined : { sessionId }),
        first: firstCall(input, parameters)
      }
      return FlowStream.run(settings, { cursor, begun: false, mayBeOver: from !== undefined })
    }
    return from !== undefined && input.parameters === undefined
      ? Effect.succeed(begin(undefined))
      : Effect.map(encodeParameters(method, addressText, flow, input.parameters), begin)
  })

/** @internal */
export const stream =
  (http: HttpService, only: "steps" | "events") => <E, R>(flow: FlowRef<never>, input: Input<E, R>): Started<E, R> =>
    Stream.unwrap(start(http, only, flow, input))
