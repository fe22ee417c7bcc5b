/**
 * The spans of this package, opened here and nowhere else, and only when a tracer is installed.
 *
 * @see docs/wire.md#spans
 */
import * as Cause from "effect/Cause"
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
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"

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
    [attributeKeys.httpStatus]: outcome.httpStatus,
    [attributeKeys.runCost]: outcome.costUsd,
    // absent from an exact cost
    [attributeKeys.runUnknownCosts]: outcome.unknownCosts || undefined,
    [attributeKeys.inputTokens]: outcome.tokens?.prompt,
    [attributeKeys.outputTokens]: outcome.tokens?.completion
  })

/** The ids that an error has of its run and of its session. */
const outcomeOfError = (error: unknown): RunOutcome =>
  isNoukaiError(error)
    ? {
      executionId: error.executionId,
      sessionId: "sessionId" in error && typeof error.sessionId === "string" ? error.sessionId : undefined
    }
    : {}

/** The facts of a call that are known before its first request. */
export interface FlowFacts {
  readonly address: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
  /** The id of a run that the call goes on with. */
  readonly executionId?: string | undefined
}

/** The ids of an error, unless it is of another flow, which a handler of tools may have run. */
const outcomeOfFlowError = (error: unknown, address: FlowAddress): RunOutcome =>
  isNoukaiError(error) && error.flow !== undefined && error.flow !== format(address) ? {} : outcomeOfError(error)

const addressAttributes = (address: FlowAddress): SpanAttributes => ({
  [attributeKeys.org]: address.org,
  [attributeKeys.project]: address.project,
  [attributeKeys.slug]: address.slug
})

const flowAttributes = ({ address, executionId, sessionId, version }: FlowFacts): SpanAttributes => ({
  ...addressAttributes(address),
  [attributeKeys.version]: String(version),
  ...outcomeAttributes({ executionId, sessionId })
})

/** Adds the session to the span of a call that learns it while it runs, if a tracer is installed. */
export const annotateSession = (sessionId: string): Effect.Effect<void> =>
  withFiber((fiber) => isTracing(fiber) ? Effect.annotateCurrentSpan(attributeKeys.sessionId, sessionId) : Effect.void)

const clientSpan = <A, E, R>(
  fiber: AnyFiber,
  name: string,
  attributes: () => SpanAttributes,
  outcomeOf: (value: A) => RunOutcome,
  ofError: (error: E) => RunOutcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  isTracing(fiber)
    ? self.pipe(
      Effect.tap((value) => Effect.annotateCurrentSpan(outcomeAttributes(outcomeOf(value)))),
      Effect.tapError((error) => Effect.annotateCurrentSpan(outcomeAttributes(ofError(error)))),
      Effect.withSpan(name, { kind: "client", captureStackTrace: false, attributes: attributes() })
    ) as Effect.Effect<A, E, R>
    : self

/** Opens a span around a call, if a tracer is installed. */
export const flowSpan = <A extends RunOutcome, E, R>(
  fiber: AnyFiber,
  name: string,
  facts: FlowFacts,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  clientSpan(
    fiber,
    name,
    () => flowAttributes(facts),
    identity,
    (error) => outcomeOfFlowError(error, facts.address),
    self
  )

/** The subject of a read. */
export interface ReadSubject {
  readonly address?: FlowAddress
  readonly executionId?: string
  readonly stepId?: string
  readonly sessionId?: string
}

const readAttributes = ({ address, executionId, sessionId, stepId }: ReadSubject): SpanAttributes => ({
  ...(address === undefined ? undefined : addressAttributes(address)),
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
  withFiber((fiber) => clientSpan(fiber, name, () => readAttributes(facts), outcomeOf, outcomeOfError, self))

/** Opens a span around a stream that only reads, if a tracer is installed. */
export const readStreamSpan = <A, E, R>(
  name: string,
  facts: ReadSubject,
  self: Stream.Stream<A, E, R>
): Stream.Stream<A, E, R> =>
  Stream.unwrap(readFiber((fiber) => {
    if (!isTracing(fiber)) return self
    const options = { kind: "client", captureStackTrace: false, attributes: readAttributes(facts) } as const
    return Stream.withSpan(self, name, options) as Stream.Stream<A, E, R>
  }))

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
  const annotations = spanAnnotationsOf(fiber)

  const annotate = (span: Tracer.Span, attributes: SpanAttributes): void => {
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(key, value)
  }
  const open = (
    spanName: string,
    parent: Option.Option<Tracer.AnySpan>,
    kind: Tracer.SpanKind,
    attributes: SpanAttributes
  ): Tracer.Span => {
    const span = tracer.span(spanName, parent, Context.empty(), [], clock.unsafeCurrentTimeNanos(), kind)
    for (const [key, value] of annotations) span.attribute(key, value)
    annotate(span, attributes)
    return span
  }
  const close = (span: Tracer.Span, exit: Exit.Exit<unknown, unknown>): void =>
    span.end(clock.unsafeCurrentTimeNanos(), exit)

  const parent = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  const stream = open(name, parent, "client", flowAttributes(facts))
  let step: { readonly id: string; readonly span: Tracer.Span } | undefined

  const closeStep = (status: string | undefined, exit: Exit.Exit<unknown, unknown>): void => {
    if (step === undefined) return
    annotate(step.span, { [attributeKeys.stepStatus]: status })
    close(step.span, exit)
    step = undefined
  }

  return {
    stream,
    innermost: () => step?.span ?? stream,
    stepStarted: (id) => {
      if (step?.id === id) return
      closeStep(undefined, Exit.void)
      step = { id, span: open(spanNames.step, Option.some(stream), "internal", { [attributeKeys.stepId]: id }) }
    },
    stepCompleted: (facts) => {
      if (step === undefined) return
      annotate(step.span, {
        [attributeKeys.stepDuration]: facts.durationMs,
        [attributeKeys.stepCost]: facts.costUsd,
        [attributeKeys.inputTokens]: facts.tokens?.prompt,
        [attributeKeys.outputTokens]: facts.tokens?.completion
      })
      closeStep("completed", Exit.void)
    },
    stepFailed: (error) => closeStep("failed", Exit.fail(error)),
    end: (exit, outcome) => {
      closeStep(undefined, exit)
      const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
      if (Option.isSome(failure)) annotate(stream, outcomeAttributes(outcomeOfFlowError(failure.value, facts.address)))
      annotate(stream, outcomeAttributes(outcome))
      close(stream, exit)
    }
  }
}

/** Opens a child span around one tool round, if a tracer is installed. */
export const roundSpan = <A, E, R>(index: number, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const options = { captureStackTrace: false, attributes: { [attributeKeys.roundIndex]: index } }
  const spanned = Effect.withSpan(self, spanNames.round, options) as Effect.Effect<A, E, R>
  return withFiber((fiber) => isTracing(fiber) ? spanned : self)
}

/** Opens one child span per tool call around their answer, if a tracer is installed. */
export const toolSpans = <A, E, R>(
  calls: ReadonlyArray<{ readonly id: string; readonly name: string }>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  withFiber((fiber) => {
    if (!isTracing(fiber)) return self
    const [only, ...others] = calls
    if (only !== undefined && others.length === 0) {
      return Effect.withSpan(self, `${spanNames.tool} ${only.name}`, toolSpanOptions(only)) as Effect.Effect<A, E, R>
    }
    const spans = Effect.forEach(calls, (call) =>
      Effect.makeSpanScoped(`${spanNames.tool} ${call.name}`, toolSpanOptions(call)), { discard: true })
    return Effect.scoped(Effect.zipRight(spans, self)) as Effect.Effect<A, E, R>
  })

const toolSpanOptions = (call: { readonly id: string; readonly name: string }): Tracer.SpanOptions => ({
  captureStackTrace: false,
  attributes: {
    [attributeKeys.operationName]: spanNames.tool,
    [attributeKeys.toolName]: call.name,
    [attributeKeys.toolCallId]: call.id
  }
})
