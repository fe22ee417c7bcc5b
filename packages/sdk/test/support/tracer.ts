/** Tracers that keep what they are told. */
import { Cause, Exit, Option, Tracer } from "effect"

export interface Opened {
  readonly span: Tracer.Span
  readonly attributes: Map<string, unknown>
  readonly start: bigint
  end: bigint | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
}

/** The handlers of a tracer for its spans. */
interface Listener {
  /** The id of the n-th span, from 0. */
  readonly idOf: (place: number) => string
  readonly opened: (opened: Opened) => void
  readonly ended: (opened: Opened) => void
  readonly told: (event: string, attributes: Record<string, unknown> | undefined) => void
}

const listening = ({ ended, idOf, opened, told }: Listener): Tracer.Tracer => {
  let count = 0
  return Tracer.make({
    span: (name, parent, context, links, start, kind) => {
      const attributes = new Map<string, unknown>()
      const record: Opened = {
        attributes,
        start,
        end: undefined,
        exit: undefined,
        span: {
          _tag: "Span",
          name,
          spanId: idOf(count++),
          traceId: Option.match(parent, { onNone: () => "0123456789abcdef0123456789abcdef", onSome: (p) => p.traceId }),
          parent,
          context,
          links,
          sampled: true,
          kind,
          attributes,
          status: { _tag: "Started", startTime: start },
          end: (time, exit) => {
            record.end = time
            record.exit = exit
            ended(record)
          },
          attribute: (key, value) => void attributes.set(key, value),
          event: (event, _, more) => told(event, more),
          addLinks: () => {}
        }
      }
      opened(record)
      return record.span
    },
    context: (f) => f()
  })
}

export const collecting = () => {
  const opened: Array<Opened> = []
  const tracer = listening({
    idOf: (place) => `00000000000000${String(place + 10)}`,
    opened: (one) => opened.push(one),
    ended: () => {},
    told: () => {}
  })
  return { opened, tracer }
}

/** All that spans hold: names, attributes, exits and events, as they come. */
export const spanLog = (tell: (...seen: ReadonlyArray<unknown>) => void): Tracer.Tracer =>
  listening({
    idOf: () => "0123456789abcdef",
    opened: () => {},
    ended: ({ attributes, exit, span }) =>
      tell(
        span.name,
        [...attributes],
        exit,
        exit !== undefined && Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      ),
    told: (event, more) => tell(event, more)
  })
