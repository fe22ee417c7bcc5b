/** Tracers that keep what they are told. */
import { Cause, Exit, Option, Tracer } from "effect"

export interface Opened {
  readonly span: Tracer.Span
  readonly attributes: Map<string, unknown>
  exit: Exit.Exit<unknown, unknown> | undefined
}

export const collecting = () => {
  const opened: Array<Opened> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, _startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const record: Opened = {
        attributes,
        exit: undefined,
        span: {
          _tag: "Span",
          name,
          spanId: `00000000000000${String(opened.length + 10)}`,
          traceId: Option.match(parent, { onNone: () => "0123456789abcdef0123456789abcdef", onSome: (p) => p.traceId }),
          parent,
          context,
          links,
          sampled: true,
          kind,
          attributes,
          status: { _tag: "Started", startTime: 0n },
          end: (_time, exit) => {
            record.exit = exit
          },
          attribute: (key, value) => void attributes.set(key, value),
          event: () => {},
          addLinks: () => {}
        }
      }
      opened.push(record)
      return record.span
    },
    context: (f) => f()
  })
  return { opened, tracer }
}

/** All that spans hold: names, attributes, exits and events, as they come. */
export const spanLog = (tell: (...seen: ReadonlyArray<unknown>) => void): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      return {
        _tag: "Span",
        name,
        spanId: "0123456789abcdef",
        traceId: "0123456789abcdef0123456789abcdef",
        parent,
        context,
        links,
        sampled: true,
        kind,
        attributes,
        status: { _tag: "Started", startTime },
        end: (_, exit) => tell(name, [...attributes], exit, Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""),
        attribute: (key, value) => void attributes.set(key, value),
        event: (event, _, more) => tell(event, more),
        addLinks: () => {}
      }
    },
    context: (f) => f()
  })
