/** The tracer of the SDK over the small interface of other runtimes. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RuntimeSpan, SpanParent, SpanTracer } from "../../RuntimeModels.js"
import type { Spans } from "../client/client.js"
import { promiseError } from "../errors/promiseError.js"
import { runtimeError } from "./runtimeError.js"

/** A span of the SDK that writes one of the other runtime. */
class BridgedSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId: string
  readonly sampled: boolean
  readonly attributes = new Map<string, unknown>()
  readonly links = []
  status: Tracer.SpanStatus

  constructor(
    readonly span: RuntimeSpan,
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind
  ) {
    this.spanId = span.spanId
    this.traceId = span.traceId
    this.sampled = span.sampled
    this.status = { _tag: "Started", startTime }
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
    this.span.attribute(key, value)
  }

  event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    this.span.event(name, startTime, attributes)
  }

  addLinks(): void {}

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
    this.span.end(
      endTime,
      Exit.isSuccess(exit)
        ? { status: "ok" }
        : Cause.isInterruptedOnly(exit.cause)
        ? { status: "interrupted" }
        : { status: "failed", error: runtimeError(promiseError(Cause.squash(exit.cause))) }
    )
  }
}

/** The caller's span above the spans of a call. */
class CallerSpan implements Tracer.ExternalSpan {
  readonly _tag = "ExternalSpan"
  readonly spanId: string
  readonly traceId: string
  readonly sampled: boolean
  readonly context = Context.empty()

  constructor(readonly span: SpanParent) {
    this.spanId = span.spanId
    this.traceId = span.traceId
    this.sampled = span.sampled
  }
}

const spanOf = (span: Tracer.AnySpan | undefined): SpanParent | undefined =>
  span instanceof BridgedSpan || span instanceof CallerSpan ? span.span : undefined

/** Returns the spans of a call, or `undefined` for a call without a tracer. */
export const spansOf = (given: SpanTracer | undefined): Spans | undefined => {
  if (given === undefined) return undefined
  const { parent } = given
  const tracer = Tracer.make({
    span: (name, above, context, _links, startTime, kind) =>
      new BridgedSpan(
        given.start({ name, kind, startTime, parent: spanOf(Option.getOrUndefined(above)) }),
        name,
        above,
        context,
        startTime,
        kind
      ),
    // spans that tool handlers open are below those of the client
    context: (execution, fiber) => {
      const span = spanOf(fiber.currentSpan)
      return span === undefined ? execution() : given.within(span, execution)
    }
  })
  return { tracer, parent: parent === undefined ? undefined : new CallerSpan(parent) }
}
