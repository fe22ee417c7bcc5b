/**
 * The spans of this package, opened here and nowhere else, and only when a tracer is installed.
 *
 * @see docs/wire.md#spans
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { isNoukaiError } from "../../NoukaiError.js"
import { attributeKeys, spanNames } from "../../Telemetry.js"
import { type AnyFiber, clockOf, readFiber, spanAnnotationsOf, tracerOf, withFiber } from "../core/fiber.js"
import { known } from "../core/makeError.js"
import type { ToolCall } from "../kit/pauses.js"
import type { HttpService } from "../operations/operations.js"
import { scopeOf } from "../operations/scope.js"
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"
import * as Attributes from "./attributes.js"
import * as Metrics from "./metrics.js"

/** Whether a tracer is installed for a fiber: Effect's built-in one keeps spans to itself. */
export const isTracing = (fiber: AnyFiber): boolean => tracerOf(fiber) !== undefined

/** The id of a span that OpenTelemetry does not record. W3C forbids to send it. */
const invalidTraceId = "0".repeat(32)

/** The W3C `traceparent` of the fiber's span, if it traces. */
export const traceparent = (fiber: AnyFiber): string | undefined => {
  if (!isTracing(fiber)) return undefined
  const span = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  return span._tag === "Some" && span.value.traceId !== invalidTraceId
    ? `00-${span.value.traceId}-${span.value.spanId}-${span.value.sampled ? "01" : "00"}`
    : undefined
}

/** The facts of a run that ended. */
export interface RunOutcome {
  readonly executionId?: string | undefined
  readonly sessionId?: string | undefined
  readonly status?: string | undefined
  readonly flowId?: string | undefined
  /** The `error.type` of a failure. */
  readonly errorType?: string | undefined
  /** The status of a response that is passed on as it is. */
  readonly httpStatus?: number | undefined
  /** The cost and the tokens of the whole run, where they were read. */
  readonly costUsd?: string | undefined
  readonly unknownCosts?: number | undefined
  readonly tokens?: { readonly prompt: number; readonly completion: number } | undefined
}

type SpanAttributes = { readonly [key: string]: unknown }

const outcomeAttributes = (outcome: RunOutcome): SpanAttributes =>
  known({
    [attributeKeys.executionId]: outcome.executionId,
    [attributeKeys.sessionId]: outcome.sessionId,
    [attributeKeys.status]: outcome.status,
    [attributeKeys.flowId]: outcome.flowId,
    [attributeKeys.agentId]: outcome.flowId,
    [attributeKeys.errorType]: outcome.errorType,
    [attributeKeys.httpStatus]: outcome.httpStatus,
    [attributeKeys.runCost]: outcome.costUsd,
    // absent from an exact cost
    [attributeKeys.runUnknownCosts]: outcome.unknownCosts || undefined,
    ...Attributes.tokenAttributes(outcome.tokens)
  })

/** The facts that an error has of its run and of its session. */
const outcomeOfError = (error: unknown): RunOutcome =>
  isNoukaiError(error)
    ? {
      ...(error._tag === "FlowExecutionError" && {
        flowId: error.flowId,
        status: error.status === "failed" ? error.status : undefined
      }),
      executionId: error.executionId,
      sessionId: "sessionId" in error && typeof error.sessionId === "string" ? error.sessionId : undefined
    }
    : {}

/** The facts of a call that are known before its first request. */
export interface FlowFacts {
  readonly http: Pick<HttpService, "defaults">
  readonly address: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  /** The id of a run that the call goes on with. */
  readonly executionId?: string | undefined
}

/** The ids of an error, unless it is of another flow, which a handler of tools may have run. */
const outcomeOfFlowError = (error: unknown, address: FlowAddress): RunOutcome =>
  isNoukaiError(error) && error.flow !== undefined && error.flow !== format(address) ? {} : outcomeOfError(error)

/** The outcome of a failure. */
const failed = (cause: Cause.Cause<unknown>, ofError: (error: unknown) => RunOutcome): RunOutcome => ({
  ...Option.getOrUndefined(Option.map(Cause.failureOption(cause), ofError)),
  errorType: Attributes.failureType(cause)
})

const flowAttributes = (
  fiber: AnyFiber,
  { address, executionId, http, sessionId, version }: FlowFacts
): SpanAttributes => {
  const scope = scopeOf(fiber)
  const isCaptured = scope?.mode === "capture" && scope.sessionId === sessionId
  return known({
    ...Attributes.runAttributes(address, scope?.http === undefined ? http.defaults.server : undefined),
    [attributeKeys.version]: String(version),
    [attributeKeys.agentVersion]: String(version),
    // the session of a capture is made for its replay, and no conversation
    [attributeKeys.conversationId]: isCaptured ? undefined : sessionId,
    ...outcomeAttributes({ executionId, sessionId })
  })
}

/** Adds the session to the span of a call that learns it while it runs, if a tracer is installed. */
export const annotateSession = (sessionId: string): Effect.Effect<void> =>
  withFiber((fiber) => isTracing(fiber) ? Effect.annotateCurrentSpan(attributeKeys.sessionId, sessionId) : Effect.void)

const spanned = <A, E, R>(
  fiber: AnyFiber,
  name: string,
  kind: Tracer.SpanKind,
  attributes: () => SpanAttributes,
  outcomeOf: (value: A) => RunOutcome,
  ofError: (error: unknown) => RunOutcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  isTracing(fiber)
    ? self.pipe(
      Effect.tap((value) => Effect.annotateCurrentSpan(outcomeAttributes(outcomeOf(value)))),
      Effect.tapErrorCause((cause) => Effect.annotateCurrentSpan(outcomeAttributes(failed(cause, ofError)))),
      Effect.withSpan(name, { kind, captureStackTrace: false, attributes: attributes() })
    ) as Effect.Effect<A, E, R>
    : self

/** Counts a call that may run a flow, and opens a span around it, if a tracer is installed. */
export const flowCall = <A extends RunOutcome, E, R>(
  fiber: AnyFiber,
  operation: Metrics.CountedOperation,
  name: string,
  facts: FlowFacts,
  outcomeOf: (value: NoInfer<A>) => Metrics.Outcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const ended = Metrics.executionStarted(fiber, operation, facts)
  const call = spanned(
    fiber,
    name,
    "client",
    () => flowAttributes(fiber, facts),
    identity,
    (error) => outcomeOfFlowError(error, facts.address),
    self
  )
  return Effect.onExit(call, (exit) =>
    Effect.sync(() =>
      Exit.isSuccess(exit)
        ? ended(...outcomeOf(exit.value))
        : ended(Metrics.failureOutcome(exit.cause), Attributes.failureType(exit.cause))
    ))
}

/** The subject of a read. */
export interface ReadSubject {
  readonly address?: FlowAddress
  readonly executionId?: string
  readonly stepId?: string
  readonly sessionId?: string
}

const readAttributes = ({ address, executionId, sessionId, stepId }: ReadSubject): SpanAttributes => ({
  ...(address === undefined ? undefined : Attributes.addressAttributes(address)),
  ...known({ [attributeKeys.stepId]: stepId }),
  ...outcomeAttributes({ executionId, sessionId })
})

/** Opens a span around the read of a job, a run or a session, if a tracer is installed. */
export const readSpan = <A, E, R>(
  name: string,
  facts: ReadSubject,
  outcomeOf: (value: A) => RunOutcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  withFiber((fiber) => spanned(fiber, name, "client", () => readAttributes(facts), outcomeOf, outcomeOfError, self))

/** Opens a span around a stream that only reads, if a tracer is installed. */
export const readStreamSpan = <A, E, R>(
  name: string,
  facts: ReadSubject,
  self: Stream.Stream<A, E, R>
): Stream.Stream<A, E, R> => {
  const read = readFiber((fiber) => {
    if (!isTracing(fiber)) return self
    const options = { kind: "client", captureStackTrace: false, attributes: readAttributes(facts) } as const
    const told = Stream.tapErrorCause(
      self,
      (cause) => Effect.annotateCurrentSpan(outcomeAttributes(failed(cause, outcomeOfError)))
    )
    return Stream.withSpan(told, name, options) as Stream.Stream<A, E, R>
  })
  // `Stream.unwrap` adds 5 kB to bundles, since it may run inner streams side by side
  return Stream.fromChannel(Channel.unwrap(Effect.map(read, Stream.toChannel)))
}

/** Adds attributes to a span. One that is `undefined` is left out. */
export const annotate = (span: Tracer.Span, attributes: SpanAttributes): void => {
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(key, value)
}

/** Opens a span that begins at an instant, or does not end with an effect. Its caller ends it. */
export const openSpan = (
  fiber: AnyFiber,
  tracer: Tracer.Tracer,
  name: string,
  parent: Option.Option<Tracer.AnySpan>,
  start: bigint,
  kind: Tracer.SpanKind,
  attributes: SpanAttributes
): Tracer.Span => {
  const span = tracer.span(name, parent, Context.empty(), [], start, kind)
  for (const [key, value] of spanAnnotationsOf(fiber)) span.attribute(key, value)
  annotate(span, attributes)
  return span
}

/** The facts of a step that completed. */
export interface StepFacts {
  readonly durationMs: number | undefined
  readonly costUsd: string | undefined
  readonly tokens: { readonly prompt: number; readonly completion: number } | undefined
}

/** The spans of one event stream: its own, and below it one per step that opens and closes as events arrive. */
export interface StreamSpans {
  /** The parent of requests. */
  readonly stream: Tracer.Span
  /** The parent of tool rounds: the open step, else the stream. */
  readonly innermost: () => Tracer.Span
  readonly stepStarted: (stepId: string) => void
  readonly stepCompleted: (facts: StepFacts) => void
  readonly stepFailed: (error: unknown) => void
  /** Ends the span of the stream, and the span of a step that is still open. */
  readonly end: (exit: Exit.Exit<unknown, unknown>, outcome: RunOutcome) => void
}

/** Opens the span of an event stream, if a tracer is installed. */
export const streamSpans = (
  fiber: AnyFiber,
  name: string,
  facts: FlowFacts
): StreamSpans | undefined => {
  const tracer = tracerOf(fiber)
  if (tracer === undefined) return undefined
  const clock = clockOf(fiber)
  const now = () => clock.unsafeCurrentTimeNanos()
  const parent = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  const stream = openSpan(fiber, tracer, name, parent, now(), "client", flowAttributes(fiber, facts))
  let step: { readonly id: string; readonly span: Tracer.Span } | undefined
  const steps: Array<Pick<StepFacts, "tokens">> = []

  const closeStep = (status: string | undefined, exit: Exit.Exit<unknown, unknown>): void => {
    if (step === undefined) return
    const errorType = Exit.isFailure(exit) ? Attributes.failureType(exit.cause) : undefined
    annotate(step.span, { [attributeKeys.stepStatus]: status, [attributeKeys.errorType]: errorType })
    step.span.end(now(), exit)
    step = undefined
  }

  return {
    stream,
    innermost: () => step?.span ?? stream,
    stepStarted: (id) => {
      if (step?.id === id) return
      closeStep(undefined, Exit.void)
      const attributes = { [attributeKeys.stepId]: id }
      step = { id, span: openSpan(fiber, tracer, spanNames.step, Option.some(stream), now(), "internal", attributes) }
    },
    stepCompleted: (facts) => {
      if (step === undefined) return
      annotate(step.span, {
        [attributeKeys.stepDuration]: facts.durationMs,
        [attributeKeys.stepCost]: facts.costUsd,
        ...Attributes.tokenAttributes(facts.tokens)
      })
      steps.push({ tokens: facts.tokens })
      closeStep("completed", Exit.void)
    },
    stepFailed: (error) => closeStep("failed", Exit.fail(error)),
    end: (exit, outcome) => {
      closeStep(undefined, exit)
      if (Exit.isFailure(exit)) {
        annotate(stream, outcomeAttributes(failed(exit.cause, (error) => outcomeOfFlowError(error, facts.address))))
      }
      annotate(stream, outcomeAttributes({ tokens: Attributes.sumTokens(steps), ...outcome }))
      stream.end(now(), exit)
    }
  }
}

/** Opens a child span around one tool round, if a tracer is installed. */
export const roundSpan = <A, E, R>(index: number, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const attributes = () => ({ [attributeKeys.roundIndex]: index })
  const noFacts = () => ({})
  return withFiber((fiber) => spanned(fiber, spanNames.round, "internal", attributes, noFacts, noFacts, self))
}

/** The part of a call's result that its span tells of. */
interface CallOutcome {
  readonly toolCallId: string
  readonly content: unknown
  readonly fault?: string | undefined
  readonly errorType?: string | undefined
}

/** The calls of tools that are answered together. */
export interface AnsweredCalls {
  readonly calls: ReadonlyArray<ToolCall>
  readonly declarations: ReadonlyArray<{
    readonly function: { readonly name: string; readonly description?: string | undefined }
  }>
  /** Whether the spans have the arguments and the results. */
  readonly payloads: boolean | undefined
}

/** Opens one child span per tool call around their answer, if a tracer is installed, and counts the calls. */
export const toolSpans = <A extends ReadonlyArray<CallOutcome>, E, R>(
  { calls, declarations, payloads = false }: AnsweredCalls,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  withFiber((fiber) => {
    const ended = Metrics.toolCalled(fiber)
    const declared = calls.map(({ name }) => declarations.find((one) => one.function.name === name)?.function)
    const open = Effect.forEach(isTracing(fiber) ? calls : [], (call, index) =>
      Effect.makeSpan(`${spanNames.tool} ${call.name}`, {
        captureStackTrace: false,
        attributes: known(Attributes.toolAttributes(call, declared[index]?.description, payloads))
      }))
    const tell = (spans: ReadonlyArray<Tracer.Span>, exit: Exit.Exit<A, E>): void => {
      const failure = Exit.isFailure(exit) ? Attributes.failureType(exit.cause) : undefined
      for (const [index, { id }] of calls.entries()) {
        const outcome = Exit.isSuccess(exit)
          ? exit.value.find(({ toolCallId }) =>
            toolCallId === id
          )
          : undefined
        const errorType = failure ?? outcome?.fault?.replace(" ", "_") ?? outcome?.errorType
        ended(declared[index]?.name, errorType)
        if (errorType !== undefined) spans[index]?.attribute(attributeKeys.errorType, errorType)
        else if (payloads && outcome !== undefined) {
          spans[index]?.attribute(attributeKeys.toolResult, Attributes.payloadJson(outcome.content))
        }
      }
    }
    return Effect.acquireUseRelease(
      open,
      ([only, ...others]) =>
        only !== undefined && others.length === 0 ? Effect.withParentSpan(self, only) as typeof self : self,
      (spans, exit) =>
        // results of a handler that cannot be read are refused later
        Effect.map(Effect.ignore(Effect.try(() => tell(spans, exit))), () => {
          for (const span of spans) span.end(clockOf(fiber).unsafeCurrentTimeNanos(), exit)
        })
    )
  })
