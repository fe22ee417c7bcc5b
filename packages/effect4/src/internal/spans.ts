/** The spans of calls in the tracer of the fiber. */
import type * as Runtime from "@effect-noukai/promise/runtime"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { causeOf } from "./rejection.js"

/** A span of Effect 4 as the Promise client has it. */
interface Bridged extends Runtime.SpanParent {
  readonly span: Tracer.AnySpan
}

const bridged = (span: Tracer.AnySpan): Bridged => {
  const { sampled, spanId, traceId } = span
  return { span, sampled, spanId, traceId }
}

const spanOf = (parent: Runtime.SpanParent | undefined): Tracer.AnySpan | undefined =>
  parent !== undefined && "span" in parent ? (parent as Bridged).span : undefined

const exitOf = (outcome: Runtime.SpanOutcome): Exit.Exit<unknown, unknown> =>
  outcome.status === "ok"
    ? Exit.void
    : Exit.failCause(outcome.status === "failed" ? causeOf(outcome.error) : Cause.interrupt())

/** The tracer of one call. Tools run within its spans. */
export class CallTracer implements Runtime.SpanTracer {
  readonly parent: Bridged | undefined
  private inner: Tracer.AnySpan | undefined

  private constructor(private readonly tracer: Tracer.Tracer, parent: Tracer.AnySpan | undefined) {
    this.parent = parent === undefined ? undefined : bridged(parent)
  }

  /** Returns the tracer of a call. Effect's built-in tracer keeps spans to itself, so it gets none. */
  static of(context: Context.Context<never>): CallTracer | undefined {
    const tracer = Context.get(context, Tracer.Tracer)
    if (tracer === Tracer.nativeTracer) return undefined
    const parent = Context.getOption(context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
    return new CallTracer(tracer, Option.getOrUndefined(parent))
  }

  readonly start: Runtime.SpanTracer["start"] = ({ kind, name, parent, startTime }) => {
    const above = spanOf(parent)
    const span = this.tracer.span({
      name,
      kind,
      startTime,
      parent: Option.fromUndefinedOr(above),
      annotations: Context.empty(),
      links: [],
      root: above === undefined,
      sampled: above?.sampled ?? true
    })
    return {
      ...bridged(span),
      attribute: (key, value) => span.attribute(key, value),
      event: (name, time, attributes) => span.event(name, time, attributes),
      end: (time, outcome) => span.end(time, exitOf(outcome))
    }
  }

  readonly within: Runtime.SpanTracer["within"] = (span, code) => {
    const before = this.inner
    this.inner = spanOf(span)
    try {
      return code()
    } finally {
      this.inner = before
    }
  }

  /** The span in which code of the caller begins. */
  get current(): Tracer.AnySpan | undefined {
    return this.inner
  }
}
