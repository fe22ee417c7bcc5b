/** Writes replies to a socket, with the faults of the request. */
import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import type { RequestEntry } from "../../EmulatorLedger.js"
import type { Position } from "../../Fault.js"
import { type Break, page, type Plan } from "../faults/plan.js"
import type { OpenEntry } from "../store/ledger.js"
import { takeTime } from "../time/time.js"
import type { WireEvent } from "../wire/wireEvent.js"
import type { Emit, Reply } from "./endpoint.js"
import type { Exchange } from "./httpServer.js"
import { type ConnectionGone, gone } from "./readBody.js"

/** A place in the body at which the response stalls or stops. */
interface Mark {
  readonly at: Position
  readonly stallMs: number
  readonly how: Break["how"] | undefined
}

export interface ResponseWriter {
  readonly send: (reply: Reply) => Effect.Effect<void, ConnectionGone>
  /** Sends a body of any kind. */
  readonly sendText: (
    status: number,
    headers: { readonly [name: string]: string },
    text: string
  ) => Effect.Effect<void, ConnectionGone>
  readonly reset: Effect.Effect<void, ConnectionGone>
  /** Sends nothing for `ms` milliseconds. */
  readonly wait: (ms: number) => Effect.Effect<void, ConnectionGone>
}

/** Receives the progress of a response. */
export interface Progress {
  readonly entry: OpenEntry<Pick<RequestEntry, "status" | "responseBytes" | "responseEvents">>
  /** A fault ends the response early. */
  readonly onStopped: () => void
  /** The response is silent for `ms` milliseconds; the timer is set. */
  readonly onWaiting: (ms: number) => void
}

/** Ignores the progress of a response. */
export const noProgress = (): Progress => ({
  entry: { responseBytes: 0, responseEvents: 0 },
  onStopped: () => undefined,
  onWaiting: () => undefined
})

/** A response while it is written. */
interface Writing {
  readonly exchange: Exchange
  readonly plan: Plan
  /** The time in ms that a client may leave a full socket unread before the connection is closed. */
  readonly readerTimeout: number
  readonly progress: Progress
  /** The marks that the response has not passed. */
  readonly marks: Array<Mark>
  /** Writes the body in pieces, because it has marks or the plan has pieces. */
  readonly careful: boolean
  /** The ms of the stalls without a position. They follow the headers or the first event. */
  readonly looseStallMs: number
  /** The plan adds, drops, repeats or delays frames. */
  readonly noisy: boolean
  readonly counts: { bytes: number; events: number }
  /** The events that were emitted, dropped ones included. */
  produced: number
  /** The newest frame. It is held back, because the last frame loses its blank line. */
  held: Buffer | undefined
  /** The encoding of the last event, so that a repeated partial is encoded once. */
  encoded: { readonly event: WireEvent; readonly bytes: Buffer } | undefined
}

const begin = (exchange: Exchange, plan: Plan, readerTimeout: number, progress: Progress): Writing => {
  const marks: Array<Mark> = [
    ...plan.stalls.flatMap(({ at, ms }) => at === undefined ? [] : [{ at, stallMs: ms, how: undefined }]),
    ...plan.breaks.map(({ at, how }) => ({ at, stallMs: 0, how }))
  ]
  const looseStallMs = plan.stalls.filter(({ at }) => at === undefined).reduce((total, { ms }) => total + ms, 0)
  return {
    exchange,
    plan,
    readerTimeout,
    progress,
    marks,
    careful: plan.pieces !== undefined || marks.length > 0,
    looseStallMs,
    noisy: plan.malformedFirst || plan.comment || plan.unknown || plan.dropped.size > 0 || plan.repeated.size > 0 ||
      looseStallMs > 0,
    counts: { bytes: 0, events: 0 },
    produced: 0,
    held: undefined,
    encoded: undefined
  }
}

const isGone = ({ connection, response }: Exchange): boolean => response.destroyed || connection.socket.destroyed

/** Runs `effect` until the connection closes. */
const whileOpen = <A, E>(exchange: Exchange, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ConnectionGone> =>
  Effect.raceFirst(effect, Effect.zipRight(exchange.closed, gone))

const wait = ({ exchange, progress }: Writing, ms: number): Effect.Effect<void, ConnectionGone> =>
  ms <= 0 ? Effect.void : whileOpen(exchange, takeTime(ms, () => progress.onWaiting(ms)))

/** Writes bytes and waits until they have left this process, so that a later reset cannot overtake them. */
const flushed = (exchange: Exchange, bytes: Buffer): Effect.Effect<void, ConnectionGone> =>
  Effect.async((resume) => {
    const { response } = exchange
    const onClose = () => resume(gone)
    response.once("close", onClose)
    response.write(bytes, () => {
      response.off("close", onClose)
      resume(isGone(exchange) ? gone : Effect.void)
    })
    return Effect.sync(() => response.off("close", onClose))
  })

/** Waits until the client has read what a full socket held, or closes the connection. */
const drained = ({ exchange: { connection: { socket }, response }, readerTimeout }: Writing): Effect.Effect<
  void,
  ConnectionGone
> =>
  Effect.async((resume) => {
    const giveUp = () => socket.destroy()
    const stop = () => {
      socket.setTimeout(0, giveUp)
      response.off("drain", onDrain)
      response.off("close", onClose)
    }
    const onDrain = () => {
      stop()
      resume(Effect.void)
    }
    const onClose = () => {
      stop()
      resume(gone)
    }
    socket.setTimeout(readerTimeout, giveUp)
    response.once("drain", onDrain)
    response.once("close", onClose)
    return Effect.sync(stop)
  })

const stop = ({ exchange, progress }: Writing, how: Break["how"]): Effect.Effect<never, ConnectionGone> =>
  Effect.suspend(() => {
    const { connection, response } = exchange
    if (how === "end") {
      response.end()
      progress.onStopped()
      return gone
    }
    connection.faulted = true
    progress.onStopped()
    if (how === "reset") connection.socket.resetAndDestroy()
    else connection.socket.destroy()
    return gone
  })

/** Applies the marks at this place: stalls, then breaks. */
const passMarks = (writing: Writing, unit: Position["unit"]): Effect.Effect<void, ConnectionGone> => {
  const { counts, exchange, marks } = writing
  const here = marks.filter(({ at }) => at.unit === unit && at.count === counts[unit])
  if (here.length === 0) return Effect.void
  for (const mark of here) marks.splice(marks.indexOf(mark), 1)
  const how = here.find((mark) => mark.how !== undefined)?.how
  return Effect.gen(function*() {
    // earlier bytes must reach the client before the stall or the end
    yield* flushed(exchange, Buffer.alloc(0))
    for (const mark of here) yield* wait(writing, mark.stallMs)
    if (how !== undefined) return yield* stop(writing, how)
  })
}

const toNextMark = ({ counts, marks }: Writing): number =>
  marks.reduce(
    (nearest, { at }) => at.unit === "bytes" ? Math.min(nearest, at.count - counts.bytes) : nearest,
    Number.POSITIVE_INFINITY
  )

const passBytes = ({ counts, progress }: Writing, bytes: Buffer): void => {
  counts.bytes += bytes.length
  progress.entry.responseBytes = counts.bytes
}

/** Writes bytes in pieces, and stops at marks. */
const writeCarefully = Effect.fnUntraced(function*(writing: Writing, bytes: Buffer) {
  const { pieces } = writing.plan
  let rest = bytes
  while (rest.length > 0) {
    const size = Math.min(rest.length, toNextMark(writing), pieces?.bytes ?? Number.POSITIVE_INFINITY)
    const piece = rest.subarray(0, size)
    rest = rest.subarray(size)
    passBytes(writing, piece)
    yield* flushed(writing.exchange, piece)
    if (pieces !== undefined) yield* wait(writing, pieces.ms)
    yield* passMarks(writing, "bytes")
  }
})

const write = (writing: Writing, bytes: Buffer): Effect.Effect<void, ConnectionGone> =>
  Effect.suspend(() => {
    if (isGone(writing.exchange)) return gone
    if (writing.careful) return writeCarefully(writing, bytes)
    passBytes(writing, bytes)
    return writing.exchange.response.write(bytes) ? Effect.void : drained(writing)
  })

const writeHead = (
  { exchange, progress }: Writing,
  status: number,
  headers: { readonly [name: string]: string }
): void => {
  progress.entry.status = status
  exchange.response.writeHead(status, { "X-Request-ID": exchange.id, ...headers })
  exchange.response.flushHeaders()
}

const finish = (exchange: Exchange): Effect.Effect<void, ConnectionGone> =>
  Effect.async((resume) => {
    const { response } = exchange
    const onClose = () => resume(isGone(exchange) && !response.writableFinished ? gone : Effect.void)
    response.once("close", onClose)
    response.end()
    return Effect.sync(() => response.off("close", onClose))
  })

const writeBody = Effect.fnUntraced(function*(
  writing: Writing,
  status: number,
  headers: { readonly [name: string]: string },
  text: string
) {
  const { exchange, looseStallMs, plan } = writing
  const bytes = Buffer.from(text)
  // a body that ends early must not announce its length
  const chunked = plan.breaks.some(({ how }) => how === "end") || plan.pieces !== undefined
  writeHead(writing, status, { ...headers, ...(chunked ? {} : { "Content-Length": String(bytes.length) }) })
  yield* passMarks(writing, "bytes")
  yield* passMarks(writing, "events")
  yield* wait(writing, looseStallMs)
  if (bytes.length > 0) yield* write(writing, bytes)
  yield* finish(exchange)
})

/** The bytes of a text, with the line ends of the plan. */
const lines = ({ newline }: Plan, text: string): Buffer =>
  Buffer.from(newline === "\n" ? text : text.replaceAll("\n", newline))

const writeFrame = (writing: Writing, bytes: Buffer): Effect.Effect<void, ConnectionGone> => {
  if (!writing.plan.unterminated) return write(writing, bytes)
  const before = writing.held
  writing.held = bytes
  return before === undefined ? Effect.void : write(writing, before)
}

const encode = (writing: Writing, event: WireEvent, spoil: boolean): Buffer => {
  if (writing.encoded?.event === event && !spoil) return writing.encoded.bytes
  const data = stringifyJson({ eventType: event.event, ...event.data }, digitsWithin(event.data))
  const id = event.id === undefined ? "" : `id: ${event.id}\n`
  const bytes = lines(writing.plan, `${id}event: ${event.event}\ndata: ${spoil ? data.slice(0, -1) : data}\n\n`)
  writing.encoded = spoil ? undefined : { event, bytes }
  return bytes
}

/** Writes the frame of an event, and the frames that the plan adds to it. */
const writeNoisily = Effect.fnUntraced(function*(writing: Writing, number: number, bytes: Buffer) {
  const { counts, plan, progress } = writing
  const extra = (text: string) => writeFrame(writing, lines(plan, text))
  if (number === 1 && plan.malformedFirst) yield* extra("event: step_progress\ndata: {\"broken\": \n\n")
  if (plan.comment) yield* extra(": keep-alive\n\n")
  if (plan.unknown) yield* extra("event: step_dreamt\ndata: {\"eventType\":\"step_dreamt\"}\n\n")
  if (!plan.dropped.has(number)) {
    progress.entry.responseEvents++
    yield* writeFrame(writing, bytes)
    if (plan.repeated.has(number)) yield* writeFrame(writing, bytes)
  }
  counts.events = number
  yield* passMarks(writing, "events")
  if (number === 1) yield* wait(writing, writing.looseStallMs)
})

const emit = (writing: Writing): Emit => (event) => {
  const number = ++writing.produced
  const bytes = encode(writing, event, writing.plan.malformed.has(number))
  if (writing.noisy) return writeNoisily(writing, number, bytes)
  writing.counts.events = number
  writing.progress.entry.responseEvents++
  const frame = writeFrame(writing, bytes)
  return writing.marks.length > 0 ? Effect.zipRight(frame, passMarks(writing, "events")) : frame
}

const writeEvents = Effect.fnUntraced(function*(
  writing: Writing,
  run: (emit: Emit) => Effect.Effect<void, ConnectionGone>
) {
  const { exchange, plan } = writing
  writeHead(writing, 200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache" })
  yield* passMarks(writing, "bytes")
  yield* passMarks(writing, "events")
  if (plan.bom) yield* write(writing, Buffer.from("\uFEFF"))
  yield* whileOpen(exchange, run(emit(writing)))
  if (writing.held !== undefined) yield* write(writing, writing.held.subarray(0, -plan.newline.length))
  yield* finish(exchange)
})

export const make = (
  exchange: Exchange,
  plan: Plan,
  /** The time in ms that a client may leave a full socket unread before the connection is closed. */
  readerTimeout: number,
  progress: Progress
): ResponseWriter => {
  const writing = begin(exchange, plan, readerTimeout, progress)
  return {
    wait: (ms) => wait(writing, ms),
    sendText: (status, headers, text) => writeBody(writing, status, headers, text),
    reset: stop(writing, "reset"),
    send: (reply) => {
      if (plan.body === "html") return writeBody(writing, 200, { "Content-Type": "text/html" }, page)
      if (plan.body === "empty") return writeBody(writing, 200, {}, "")
      return reply.type === "events"
        ? writeEvents(writing, reply.run)
        : writeBody(
          writing,
          reply.status,
          { "Content-Type": "application/json", ...reply.headers },
          stringifyJson(reply.body, digitsWithin(reply.body))
        )
    }
  }
}
