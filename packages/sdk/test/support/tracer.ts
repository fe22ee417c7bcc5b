/** A tracer that keeps what it is told. */
import { type Exit, Option, Tracer } from "effect"

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
