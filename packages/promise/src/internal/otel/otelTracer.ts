/** The spans of a client in the caller's OpenTelemetry. `@opentelemetry/api` is loaded only if a client has spans. */
import { isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import { attributeKeys, spanNames } from "@effect-noukai/sdk/Telemetry"
import type * as Otel from "@opentelemetry/api"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { VERSION } from "../../Version.js"
import { promiseError } from "../errors/promiseError.js"
import { Thrown } from "../errors/thrown.js"
import { isFailedRun } from "../execute/executeResult.js"
import { refusal } from "../options/reading.js"
import { type Opening, OuterSpan } from "./outerSpan.js"

type Api = typeof Otel

const hrTime = (nanos: bigint): Otel.HrTime => [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)]

const kinds = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } as const satisfies {
  readonly [K in Tracer.SpanKind]: Otel.SpanKind
}

const attributeOf = (value: unknown): Otel.AttributeValue =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : String(value)

/** The exception of a rejection. The name is the class of the error, because OpenTelemetry would prefer its `code`. */
const exceptionOf = (cause: Cause.Cause<unknown>): Otel.Exception => {
  if (Cause.isInterruptedOnly(cause)) return { name: "AbortError", message: "the call was aborted" }
  const error = promiseError(Cause.squash(cause))
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, name, stack } = error
  return stack === undefined ? { name, message } : { name, message, stack }
}

/** The `error.type` of an exception that is not one of the SDK: its class, which is not a class of everything. */
const typeOf = (exception: Otel.Exception): string =>
  typeof exception === "object" && /^\w{1,64}$/.test(exception.name ?? "") && exception.name !== "Error"
    ? exception.name!
    : "_OTHER"

/** A span of Effect that writes one of OpenTelemetry. */
class OtelSpan extends OuterSpan {
  constructor(readonly span: Otel.Span, opening: Opening) {
    const { spanId, traceFlags, traceId } = span.spanContext()
    super(spanId, traceId, (traceFlags & 1) === 1, opening)
  }

  override attribute(key: string, value: unknown): void {
    super.attribute(key, value)
    this.span.setAttribute(key, attributeOf(value))
  }

  override event(name: string, startTime: bigint): void {
    this.span.addEvent(name, hrTime(startTime))
  }

  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    super.end(endTime, exit)
    if (Exit.isFailure(exit)) {
      const error = Cause.squash(exit.cause)
      // a failed run is a result of `execute`, whose promise resolves
      if (this.name !== spanNames.execute || !isFailedRun(error)) {
        const exception = exceptionOf(exit.cause)
        if (!isNoukaiError(error)) this.attribute(attributeKeys.errorType, typeOf(exception))
        this.span.recordException(exception, hrTime(endTime))
        this.span.setStatus({ code: 2, message: typeof exception === "string" ? exception : exception.message! })
      }
    }
    this.span.end(hrTime(endTime))
  }
}

const makeTracer = (api: Api, tracer: Otel.Tracer): Tracer.Tracer => {
  const within = (parent: Tracer.AnySpan | undefined): Otel.Context | undefined =>
    parent instanceof OtelSpan ? api.trace.setSpan(api.context.active(), parent.span) : undefined
  return Tracer.make({
    span: (name, parent, context, _links, startTime, kind) => {
      const options = { kind: kinds[kind], startTime: hrTime(startTime) }
      const span = tracer.startSpan(name, options, within(Option.getOrUndefined(parent)) ?? api.context.active())
      return new OtelSpan(span, [name, parent, context, startTime, kind])
    },
    // spans that tool handlers open are below those of the client
    context: (execution, fiber) => {
      const context = within(fiber.currentSpan)
      return context === undefined ? execution() : api.context.with(context, execution)
    }
  })
}

const loadApi = async (): Promise<Api> => {
  // bundlers accept that an import in a try block is not installed
  try {
    return await import("@opentelemetry/api")
  } catch (cause) {
    throw refusal("new Noukai", "otel", "requires @opentelemetry/api: run npm install @opentelemetry/api", { cause })
  }
}

/** Installs the tracer: a given one, or else the one of the caller's global provider. */
export const layerTracer = (tracer: Otel.Tracer | undefined): Layer.Layer<never, Thrown> =>
  Layer.unwrapEffect(Effect.map(
    Effect.tryPromise({ try: loadApi, catch: (reason) => new Thrown({ reason }) }),
    (api) => Layer.setTracer(makeTracer(api, tracer ?? api.trace.getTracer("@effect-noukai/promise", VERSION)))
  ))
