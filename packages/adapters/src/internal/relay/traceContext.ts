/**
 * The W3C trace context of a request, if it is a valid one.
 *
 * @internal
 */

/** @internal */
export interface TraceContext {
  readonly traceparent?: string
  readonly tracestate?: string
}

const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

const tracestateShape = /^[\u0020-\u007e\t]{1,512}$/

/** @internal */
export const traceContext = (header: (name: string) => string | undefined): TraceContext => {
  const traceparent = header("traceparent")
  if (traceparent === undefined || !traceparentShape.test(traceparent)) return {}
  const tracestate = header("tracestate")
  return tracestate === undefined || !tracestateShape.test(tracestate)
    ? { traceparent }
    : { traceparent, tracestate }
}
