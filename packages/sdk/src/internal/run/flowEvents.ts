/** `FlowService.events` and `steps`: from the input of a caller to a walk through a run. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { EventsInput } from "../../EventsInput.js"
import type { CostLimit } from "../../ExecuteInput.js"
import { type FirstCall, FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent } from "../../FlowEvent.js"
import type {
  APITimeoutError,
  CallError,
  CostLimitError,
  InvalidRequestError,
  ToolCallLimitError
} from "../../NoukaiError.js"
import { invalid, type Problem, problem } from "../errors/makeError.js"
import * as Address from "../flow/address.js"
import * as Checks from "../flow/executeInput.js"
import type { AnyParameters, FlowRef } from "../flow/flow.js"
import { encodeParameters } from "../flow/flowCodec.js"
import { checkFlag, checkSchedule, checkSessionId, checkStream } from "../input/checks.js"
import { checkStored } from "../input/json.js"
import type { InputRules, RefusalFacts } from "../input/take.js"
import type { HttpService } from "../operations/operations.js"
import { resolveCall } from "../operations/resolvedCall.js"
import { totalTimeout } from "../operations/totalTimeout.js"
import { deferred, fromSource, type Source } from "../runtime/streamPull.js"
import { flatMapNow } from "../schema/schemaReader.js"
import { resolveSession } from "../scope/sessionId.js"
import { answeringOf } from "../tools/toolAnswering.js"
import * as Toolkit from "../tools/toolkit.js"
import { checkToolsInput, declarationsOf } from "../tools/toolsInput.js"
import { CallProgress } from "./callProgress.js"
import * as FlowStream from "./flowStream.js"
import { checkCostLimit } from "./runCosts.js"
import type { StreamSettings } from "./streamSettings.js"

type EventsInputOf<E, R> = EventsInput<AnyParameters, Toolkit.ToolsOption<E, R> | undefined, CostLimit | undefined>

/** The fields that are read of the input, with one of `execute` that is refused. */
type EventsFields<E, R> = EventsInputOf<E, R> & { readonly messages?: unknown }

type AnyEventsInput = EventsFields<unknown, unknown>

const pickInput = <E, R>(given: EventsFields<E, R>): EventsFields<E, R> => ({
  message: given.message,
  messages: given.messages,
  parameters: given.parameters,
  inputOverrides: given.inputOverrides,
  blockOverrides: given.blockOverrides,
  attachments: given.attachments,
  tools: given.tools,
  toolChoice: given.toolChoice,
  maxToolRounds: given.maxToolRounds,
  toolConcurrency: given.toolConcurrency,
  onToolFailure: given.onToolFailure,
  maxCostUsd: given.maxCostUsd,
  trace: given.trace,
  version: given.version,
  sessionId: given.sessionId,
  from: Predicate.isRecord(given.from) ? { ...given.from } : given.from,
  heal: given.heal,
  runRemaining: given.runRemaining,
  headers: given.headers,
  connectTimeout: given.connectTimeout,
  firstByteTimeout: given.firstByteTimeout,
  idleTimeout: given.idleTimeout,
  timeout: given.timeout,
  retry: given.retry
})

const isCursor = Schema.is(FlowCursor)

const checkFrom = ({ from, tools, version }: AnyEventsInput, addressText: string | undefined): Problem | undefined => {
  if (from === undefined) return undefined
  const unwritten = checkStored("from", from)
  if (unwritten !== undefined) return unwritten
  const refused = (reason: string): Problem => problem("from", reason)
  if (!isCursor(from) || Either.isLeft(Address.checkVersion("", from.flowVersion))) {
    return refused("is not the cursor of a run")
  }
  if (from.flow !== addressText) return refused(`is of another flow, ${from.flow}`)
  if (version !== undefined && version !== from.flowVersion) {
    return refused(`is of another version, ${JSON.stringify(from.flowVersion)}`)
  }
  if (
    from.executionId === "" || (from.executionId === undefined && (from.stepIndex > 0 || from.pending !== undefined))
  ) {
    return refused("names no run to go on with")
  }
  return from.pending?.toolCalls !== undefined && tools === undefined
    ? refused("waits for tool results: give tools")
    : checkSessionId("from.sessionId", from.sessionId)
}

const checkInput =
  (only: "steps" | "events") => (input: AnyEventsInput, facts: RefusalFacts | undefined): Problem | undefined =>
    (input.messages === undefined
      ? undefined
      : problem("messages", "cannot be streamed; give message, or use execute")) ??
      checkFlag("runRemaining", input.runRemaining) ??
      (only === "steps" && input.runRemaining === true
        ? problem("runRemaining", "steps runs one step per request; use events")
        : undefined) ??
      Checks.checkMessages(input.message, undefined) ??
      Checks.checkParameters(input.parameters) ??
      Checks.checkOverrides("inputOverrides", input.inputOverrides, false) ??
      Checks.checkOverrides("blockOverrides", input.blockOverrides, true) ??
      Checks.checkAttachments(input.attachments) ??
      checkToolsInput(input) ??
      checkCostLimit(input.maxCostUsd) ??
      Checks.checkRun(input) ??
      checkStream(input) ??
      checkSchedule("heal", input.heal) ??
      checkFrom(input, facts?.flow)

const eventsRules = <E, R>(only: "steps" | "events"): InputRules<EventsFields<E, R>, EventsFields<E, R>> => ({
  field: "input",
  pick: pickInput,
  check: checkInput(only)
})

/**
 * The fields of the first request; of a run that goes on, those of its first request then, unless they are given anew.
 */
const firstCall = (input: AnyEventsInput, parameters: unknown): FirstCall => {
  const attachments = Checks.wireAttachments(input.attachments)
  return {
    ...input.from?.first,
    ...(input.message === undefined ? undefined : { message: input.message }),
    ...(parameters === undefined ? undefined : { parameters: parameters as { readonly [name: string]: unknown } }),
    ...(attachments === undefined ? undefined : { attachments })
  }
}

type EventStream<E, R> = Stream.Stream<
  FlowEvent<unknown, CostLimitError>,
  E | CallError | CostLimitError | ToolCallLimitError,
  R
>

type FlowEventSource<E, R> = Source<
  FlowEvent<unknown, CostLimitError>,
  E | CallError | ToolCallLimitError | CostLimitError,
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
    const resolved = resolveCall(http, method, flow, eventsRules<E, R>(only), given)
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
    const version = Address.checkVersion(method, input.version)
    if (Either.isLeft(version)) return Effect.fail(version.left)
    if (version.right === "draft") {
      const reason = "the draft cannot be streamed step by step"
      return Effect.fail(invalid(method, "version", reason, { flow: addressText }))
    }

    const { from } = input
    const flowVersion = from?.flowVersion ?? version.right
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
        trace: input.trace ?? false
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
      deferred<FlowEvent<unknown, CostLimitError>, E | CallError | ToolCallLimitError | CostLimitError, R>(
        start(http, only, flow, input)
      )
    )
