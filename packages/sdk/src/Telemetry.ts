/**
 * The spans of this package (contract 13.5): opened here and nowhere else, and only when somebody traces.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Tracer from "effect/Tracer"
import type { FlowAddress, FlowVersion } from "./Flow.js"
import { isNoukaiError } from "./NoukaiError.js"

/**
 * Names of spans.
 *
 * @since 0.1.0
 * @category constants
 */
export const spanNames = {
  execute: "noukai.flow.execute",
  executeAsync: "noukai.flow.execute_async",
  jobPoll: "noukai.job.poll",
  jobWait: "noukai.job.wait",
  runTrace: "noukai.run.trace",
  runStepTrace: "noukai.run.step_trace",
  runSummary: "noukai.run.summary",
  runList: "noukai.run.list",
  round: "noukai.agent.round",
  tool: "execute_tool"
} as const

/**
 * Keys of span attributes.
 *
 * @since 0.1.0
 * @category constants
 */
export const attributeKeys = {
  org: "noukai.org",
  project: "noukai.project",
  slug: "noukai.flow.slug",
  version: "noukai.flow.version",
  executionId: "noukai.execution_id",
  status: "noukai.flow.status",
  stepId: "noukai.step.id",
  roundIndex: "round_index",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id"
} as const

const liveTracer: Tracer.Tracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * Whether spans of this fiber go anywhere: Effect's built-in tracer keeps them to itself.
 *
 * @internal
 */
export const isTracing = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  Context.unsafeGet(fiber.getFiberRef(DefaultServices.currentServices), Tracer.Tracer) !== liveTracer &&
  fiber.getFiberRef(FiberRef.currentTracerEnabled)

/**
 * The W3C `traceparent` of the fiber's span, if it traces.
 *
 * @internal
 */
export const traceparent = (fiber: Fiber.RuntimeFiber<unknown, unknown>): string | undefined => {
  if (!isTracing(fiber)) return undefined
  const span = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
  return span._tag === "Some"
    ? `00-${span.value.traceId}-${span.value.spanId}-${span.value.sampled ? "01" : "00"}`
    : undefined
}

/**
 * What is known of a run once it ended.
 *
 * @internal
 */
export interface Outcome {
  readonly executionId?: string | undefined
  readonly status?: string | undefined
}

const outcomeAttributes = (outcome: Outcome): Record<string, unknown> => ({
  ...(outcome.executionId === undefined ? undefined : { [attributeKeys.executionId]: outcome.executionId }),
  ...(outcome.status === undefined ? undefined : { [attributeKeys.status]: outcome.status })
})

/**
 * Opens a span around a call, if somebody traces.
 *
 * @internal
 */
export const flowSpan = <A extends Outcome, E, R>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  name: string,
  address: FlowAddress,
  version: FlowVersion,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  isTracing(fiber)
    ? clientSpan(
      name,
      { ...addressAttributes(address), [attributeKeys.version]: String(version) },
      (outcome) => outcome,
      self
    )
    : self

const addressAttributes = (address: FlowAddress): Record<string, unknown> => ({
  [attributeKeys.org]: address.org,
  [attributeKeys.project]: address.project,
  [attributeKeys.slug]: address.slug
})

const clientSpan = <A, E, R>(
  name: string,
  attributes: Record<string, unknown>,
  outcomeOf: (value: A) => Outcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  self.pipe(
    Effect.tap((value) => Effect.annotateCurrentSpan(outcomeAttributes(outcomeOf(value)))),
    Effect.tapError((error) =>
      isNoukaiError(error)
        ? Effect.annotateCurrentSpan(outcomeAttributes({ executionId: error.executionId }))
        : Effect.void
    ),
    Effect.withSpan(name, { kind: "client", captureStackTrace: false, attributes })
  ) as Effect.Effect<A, E, R>

/**
 * What a read is about.
 *
 * @internal
 */
export interface ReadFacts {
  readonly address?: FlowAddress
  readonly executionId?: string
  readonly stepId?: string
}

/**
 * Opens a span around what reads a job or a run, if somebody traces.
 *
 * @internal
 */
export const readSpan = <A, E, R>(
  name: string,
  facts: ReadFacts,
  outcomeOf: (value: A) => Outcome,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    isTracing(fiber)
      ? clientSpan(
        name,
        {
          ...(facts.address === undefined ? undefined : addressAttributes(facts.address)),
          ...(facts.stepId === undefined ? undefined : { [attributeKeys.stepId]: facts.stepId }),
          ...outcomeAttributes({ executionId: facts.executionId })
        },
        outcomeOf,
        self
      )
      : self
  )

/**
 * A child span around one tool round, if somebody traces.
 *
 * @internal
 */
export const roundSpan = <A, E, R>(index: number, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    isTracing(fiber)
      ? Effect.withSpan(self, spanNames.round, {
        captureStackTrace: false,
        attributes: { [attributeKeys.roundIndex]: index }
      }) as Effect.Effect<A, E, R>
      : self
  )

/**
 * One child span per tool call around what answers them, if somebody traces.
 *
 * @internal
 */
export const toolSpans = <A, E, R>(
  calls: ReadonlyArray<{ readonly id: string; readonly name: string }>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
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
  attributes: { [attributeKeys.toolName]: call.name, [attributeKeys.toolCallId]: call.id }
})
