/**
 * Stored runs as spans in the JSON of OTLP/HTTP, as a collector takes them at `/v1/traces`.
 *
 * @since 0.1.0
 */
import type { FlowAddress } from "@effect-noukai/sdk/Flow"
import { isUuid, type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import {
  type AttributeValue,
  formatCost,
  known,
  millisOf,
  problemType,
  runAttributes,
  stepAttributes,
  sumCosts,
  sumTokens,
  timelineOf,
  tokenAttributes,
  unknownCostsIn,
  version
} from "@effect-noukai/sdk/kit/runs/report"
import { attributeKeys, spanNames } from "@effect-noukai/sdk/Telemetry"
import type { Trace } from "@effect-noukai/sdk/Trace"

/**
 * The value of an attribute, by its kind. Integers are text, as in the JSON of protocol buffers.
 *
 * @since 0.1.0
 * @category models
 */
export type OtlpValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }

/**
 * An attribute of a span or a resource.
 *
 * @since 0.1.0
 * @category models
 */
export interface OtlpAttribute {
  readonly key: string
  readonly value: OtlpValue
}

/**
 * One span.
 *
 * @since 0.1.0
 * @category models
 */
export interface OtlpSpan {
  /** 16 bytes in hexadecimal digits. */
  readonly traceId: string
  /** 8 bytes in hexadecimal digits. */
  readonly spanId: string
  /** Absent of the first span of a trace. */
  readonly parentSpanId?: string
  readonly name: string
  /** 1: internal, of steps. 3: client, of the run. */
  readonly kind: 1 | 3
  /** Nanoseconds since 1970, as text. */
  readonly startTimeUnixNano: string
  /** Nanoseconds since 1970, as text. */
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<OtlpAttribute>
  /** 0: not told, 1: ok, 2: failed. */
  readonly status: { readonly code: 0 | 1 | 2 }
}

/**
 * The body of an OTLP/HTTP request for traces.
 *
 * @since 0.1.0
 * @category models
 */
export interface OtlpTraces {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<OtlpAttribute> }
    readonly scopeSpans: ReadonlyArray<{
      readonly scope: { readonly name: string; readonly version: string }
      readonly spans: ReadonlyArray<OtlpSpan>
    }>
  }>
}

/**
 * The options of {@link toSpans}.
 *
 * @since 0.1.0
 * @category options
 */
export interface SpanOptions {
  /** `service.name` of the resource. Default: the name in `resource`, or `"noukai"`. */
  readonly serviceName?: string | undefined
  /** More attributes of the resource. Default: none. */
  readonly resource?: Readonly<Record<string, string | number | boolean>> | undefined
  /** The flow of the run, whose address a trace does not say. Default: not told. */
  readonly flow?: FlowAddress | undefined
  /**
   * The span below which the run belongs: the ids of a `traceparent`, of 32 and 16 hexadecimal digits. Ids of another
   * form are ignored. Default: a trace of its own.
   */
  readonly parent?: { readonly traceId: string; readonly spanId: string } | undefined
  /** Adds inputs, outputs, errors and messages as JSON of at most 4,096 characters each. Default: false. */
  readonly payloads?: boolean | undefined
}

const valueOf = (value: AttributeValue): OtlpValue =>
  typeof value === "string"
    ? { stringValue: value }
    : typeof value === "boolean"
    ? { boolValue: value }
    : Number.isSafeInteger(value)
    ? { intValue: String(value) }
    : { doubleValue: value }

const attributesOf = (
  entries: Iterable<readonly [string, AttributeValue | undefined]>
): ReadonlyArray<OtlpAttribute> =>
  [...entries].flatMap(([key, value]) =>
    // JSON has no infinity
    value === undefined || (typeof value === "number" && !Number.isFinite(value))
      ? []
      : [{ key, value: valueOf(value) }]
  )

const fnvPrime = 0x100000001b3n

/** FNV-1a with a last mixing, so that texts that differ in their last characters alone are far apart. */
const hash64 = (text: string, seed: bigint): string => {
  let hash = 0xcbf29ce484222325n ^ seed
  for (let i = 0; i < text.length; i++) hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * fnvPrime)
  for (const factor of [0xff51afd7ed558ccdn, 0xc4ceb9fe1a85ec53n, 1n]) {
    hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * factor)
  }
  return (hash === 0n ? 1n : hash).toString(16).padStart(16, "0")
}

/** The id of a run as the id of a trace: 16 bytes. */
const traceIdOf = (executionId: string): string => {
  const digits = isUuid(executionId) ? executionId.replaceAll("-", "").toLowerCase() : ""
  return /[^0]/.test(digits) ? digits : hash64(executionId, 0n) + hash64(executionId, 1n)
}

/**
 * The id of a span: 8 bytes, of the run and the parts that tell the span from others.
 *
 * @internal
 */
export const spanIdOf = (executionId: string, ...parts: ReadonlyArray<string | number | undefined>): string =>
  hash64(JSON.stringify([executionId, ...parts.map((part) => part ?? null)]), 2n)

/** The span ids of steps; steps that nothing tells apart are counted. */
const stepSpanIds = ({ flowRun, steps }: Trace): ReadonlyArray<string> => {
  const seen = new Map<string, number>()
  return steps.map(({ attempt, loopIndex, stepId }) => {
    const place = JSON.stringify([stepId, attempt, loopIndex ?? null])
    const nth = seen.get(place) ?? 0
    seen.set(place, nth + 1)
    return spanIdOf(flowRun.id, stepId, attempt, loopIndex, nth)
  })
}

const latestInstant = 0xffffffffffffffffn

/** An instant as text, within the 64 bits that it has. */
const instantOf = (nanos: bigint): string => String(nanos < latestInstant ? nanos : latestInstant)

const statusOf = (status: string): OtlpSpan["status"] => ({
  code: status === "failed" ? 2 : status === "completed" ? 1 : 0
})

const traceIdForm = /^(?!0{32})[0-9a-f]{32}$/
const spanIdForm = /^(?!0{16})[0-9a-f]{16}$/

/** The ids of a parent, as they are on the wire; ids of another form name no span. */
const parentOf = ({ spanId, traceId }: NonNullable<SpanOptions["parent"]>): SpanOptions["parent"] => {
  const ids = { traceId: traceId.toLowerCase(), spanId: spanId.toLowerCase() }
  return traceIdForm.test(ids.traceId) && spanIdForm.test(ids.spanId) ? ids : undefined
}

const names: Names<SpanOptions> = {
  serviceName: true,
  resource: true,
  flow: { org: true, project: true, slug: true },
  parent: { traceId: true, spanId: true },
  payloads: true
}

/**
 * A stored run as OpenTelemetry spans, in the JSON that a collector takes over HTTP (`POST /v1/traces`): one for the run
 * and one for every attempt at every step, each when it was, below the loop that it is in. The ids are made of the run, so
 * that a second export says the same. Pure: nothing is read or sent, and no package of OpenTelemetry is needed.
 *
 * A step that goes on ends at the last moment that the trace knows, and one whose start is not told follows the step
 * before it. A trace without any timestamp has no spans.
 *
 * @example
 * ```ts
 * import { toSpans } from "@effect-noukai/report/TraceSpans"
 * import { RunService } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const body = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return JSON.stringify(toSpans(trace, { serviceName: "spelling" }))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSpans = (trace: Trace, options: SpanOptions = {}): OtlpTraces => {
  const { flow, payloads = false, resource, serviceName } = orThrow("TraceSpans.toSpans", options, names)
  const { flowRun: { flowId, id, status } } = trace
  const parent = options.parent && parentOf(options.parent)
  const timeline = timelineOf(trace)
  const traceId = parent?.traceId ?? traceIdOf(id)
  const runSpanId = spanIdOf(id)
  const ids = stepSpanIds(trace)
  const failed = trace.steps.findLast(({ status }) => status === "failed")
  const run: OtlpSpan = {
    traceId,
    spanId: runSpanId,
    ...(parent === undefined ? undefined : { parentSpanId: parent.spanId }),
    name: spanNames.run,
    kind: 3,
    startTimeUnixNano: instantOf(timeline.start),
    endTimeUnixNano: instantOf(timeline.end),
    attributes: attributesOf([
      ...Object.entries(runAttributes(flow)),
      [attributeKeys.executionId, id],
      [attributeKeys.flowId, flowId],
      [attributeKeys.agentId, flowId],
      [attributeKeys.status, status],
      [attributeKeys.runCost, formatCost(sumCosts(trace.steps))],
      [attributeKeys.runUnknownCosts, unknownCostsIn(trace).size || undefined],
      [attributeKeys.runWaiting, millisOf(timeline.waiting)],
      [attributeKeys.errorType, status === "failed" ? problemType(failed?.errorContext) : undefined],
      ...Object.entries(tokenAttributes(sumTokens(trace.steps)))
    ]),
    status: statusOf(status)
  }
  const steps = timeline.steps.map((placed, index): OtlpSpan => ({
    traceId,
    spanId: ids[index]!,
    parentSpanId: placed.loop === undefined ? runSpanId : ids[placed.loop]!,
    name: spanNames.step,
    kind: 1,
    startTimeUnixNano: instantOf(placed.start),
    endTimeUnixNano: instantOf(placed.end),
    attributes: attributesOf(Object.entries(stepAttributes(placed, payloads))),
    status: statusOf(placed.step.status)
  }))
  return {
    resourceSpans: timeline.isDated
      ? [{
        resource: {
          attributes: attributesOf(
            Object.entries({ "service.name": "noukai", ...resource, ...known({ "service.name": serviceName }) })
          )
        },
        scopeSpans: [{ scope: { name: "@effect-noukai/sdk", version }, spans: [run, ...steps] }]
      }]
      : []
  }
}
