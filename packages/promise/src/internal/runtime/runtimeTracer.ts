/** The tracer of the SDK over the small interface of other runtimes. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RuntimeSpan, SpanParent, SpanTracer } from "../../RuntimeModels.js"
import type { Spans } from "../client/client.js"
import { promiseError } from "../errors/promiseError.js"
import { type Opening, OuterSpan } from "../otel/outerSpan.js"
import { runtimeError } from "./runtimeError.js"

/** A span of the SDK that writes one of the other runtime. */
class BridgedSpan extends OuterSpan {
  constructor(readonly span: RuntimeSpan, opening: Opening) {
    super(span.spanId, span.traceId, span.sampled, opening)
  }

  override attribute(key: string, value: unknown): void {
    super.attribute(key, value)
    this.span.attribute(key, value)
  }

  override event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    this.span.event(name, startTime, attributes)
  }

  override end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    super.end(endTime, exit)
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

/** Returns the spans of a call, or `undefined` for a call without a tracer. */
export const spansOf = (given: SpanTracer | undefined): Spans | undefined => {
  if (given === undefined) return undefined
  /** The caller's span above the spans of the call. */
  const parent = given.parent === undefined ? undefined : Tracer.externalSpan(given.parent)
  const spanOf = (span: Tracer.AnySpan | undefined): SpanParent | undefined =>
    span instanceof BridgedSpan ? span.span : span === undefined || span !== parent ? undefined : given.parent
  const tracer = Tracer.make({
    span: (name, above, context, _links, startTime, kind) =>
      new BridgedSpan(
        given.start({ name, kind, startTime, parent: spanOf(Option.getOrUndefined(above)) }),
        [name, above, context, startTime, kind]
      ),
    // spans that tool handlers open are below those of the client
    context: (execution, fiber) => {
      const span = spanOf(fiber.currentSpan)
      return span === undefined ? execution() : given.within(span, execution)
    }
  })
  return { tracer, parent }
}
