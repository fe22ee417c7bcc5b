/** Writes replies to a socket, with the faults of the request. */
import * as Effect from "effect/Effect"
import type { RequestEntry } from "../../EmulatorLedger.js"
import type { Position } from "../../Fault.js"
import { page } from "../faults/plan.js"
import type { Break, Plan } from "../faults/plan.js"
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

export const make = (
  exchange: Exchange,
  plan: Plan,
  /** The time in ms that a client may leave a full socket unread before the connection is closed. */
  readerTimeout: number,
  { entry, onStopped, onWaiting }: Progress
): ResponseWriter => {
  const { connection, response } = exchange
  const { socket } = connection

  const isGone = () => response.destroyed || socket.destroyed

  /** Runs `effect` until the connection closes. */
  const whileOpen = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | ConnectionGone> =>
    Effect.raceFirst(effect, Effect.zipRight(exchange.closed, gone))

  const wait = (ms: number): Effect.Effect<void, ConnectionGone> =>
    ms <= 0 ? Effect.void : whileOpen(takeTime(ms, () => onWaiting(ms)))

  /** Writes bytes and waits until they have left this process, so that a later reset cannot overtake them. */
  const flushed = (bytes: Buffer): Effect.Effect<void, ConnectionGone> =>
    Effect.async((resume) => {
      const onClose = () => resume(gone)
      response.once("close", onClose)
      response.write(bytes, () => {
        response.off("close", onClose)
        resume(isGone() ? gone : Effect.void)
      })
      return Effect.sync(() => response.off("close", onClose))
    })

  const drained: Effect.Effect<void, ConnectionGone> = Effect.async((resume) => {
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

  const marks: Array<Mark> = [
    ...plan.stalls.flatMap(({ at, ms }) => at === undefined ? [] : [{ at, stallMs: ms, how: undefined }]),
    ...plan.breaks.map(({ at, how }) => ({ at, stallMs: 0, how }))
  ]
  /** The ms of the stalls without a position. They follow the headers or the first event. */
  const looseStallMs = plan.stalls.filter(({ at }) => at === undefined).reduce((total, { ms }) => total + ms, 0)

  const stop = (how: Break["how"]): Effect.Effect<never, ConnectionGone> =>
    Effect.suspend(() => {
      if (how === "end") {
        response.end()
        onStopped()
        return gone
      }
      connection.faulted = true
      onStopped()
      if (how === "reset") socket.resetAndDestroy()
      else socket.destroy()
      return gone
    })

  const counts = { bytes: 0, events: 0 }

  /** Applies the marks at this place: stalls, then breaks. */
  const passMarks = (unit: Position["unit"]): Effect.Effect<void, ConnectionGone> => {
    const here = marks.filter(({ at }) => at.unit === unit && at.count === counts[unit])
    if (here.length === 0) return Effect.void
    for (const mark of here) marks.splice(marks.indexOf(mark), 1)
    const how = here.find((mark) => mark.how !== undefined)?.how
    return Effect.gen(function*() {
      // earlier bytes must reach the client before the stall or the end
      yield* flushed(Buffer.alloc(0))
      for (const mark of here) yield* wait(mark.stallMs)
      if (how !== undefined) return yield* stop(how)
    })
  }

  const toNextMark = (): number =>
    marks.reduce(
      (nearest, { at }) => at.unit === "bytes" ? Math.min(nearest, at.count - counts.bytes) : nearest,
      Number.POSITIVE_INFINITY
    )

  const passBytes = (bytes: Buffer): void => {
    counts.bytes += bytes.length
    entry.responseBytes = counts.bytes
  }

  /** Writes bytes in pieces, and stops at marks. */
  const writeCarefully = Effect.fnUntraced(function*(bytes: Buffer) {
    let rest = bytes
    while (rest.length > 0) {
      const size = Math.min(rest.length, toNextMark(), plan.pieces?.bytes ?? Number.POSITIVE_INFINITY)
      const piece = rest.subarray(0, size)
      rest = rest.subarray(size)
      passBytes(piece)
      yield* flushed(piece)
      if (plan.pieces !== undefined) yield* wait(plan.pieces.ms)
      yield* passMarks("bytes")
    }
  })

  const careful = plan.pieces !== undefined || marks.length > 0

  const write = (bytes: Buffer): Effect.Effect<void, ConnectionGone> =>
    Effect.suspend(() => {
      if (isGone()) return gone
      if (careful) return writeCarefully(bytes)
      passBytes(bytes)
      return response.write(bytes) ? Effect.void : drained
    })

  const writeHead = (status: number, headers: { readonly [name: string]: string }): void => {
    entry.status = status
    response.writeHead(status, { "X-Request-ID": exchange.id, ...headers })
    response.flushHeaders()
  }

  const finish: Effect.Effect<void, ConnectionGone> = Effect.async((resume) => {
    const onClose = () => resume(isGone() && !response.writableFinished ? gone : Effect.void)
    response.once("close", onClose)
    response.end()
    return Effect.sync(() => response.off("close", onClose))
  })

  const writeBody = Effect.fnUntraced(function*(
    status: number,
    headers: { readonly [name: string]: string },
    text: string
  ) {
    const bytes = Buffer.from(text)
    // a body that ends early must not announce its length
    const chunked = plan.breaks.some(({ how }) => how === "end") || plan.pieces !== undefined
    writeHead(status, { ...headers, ...(chunked ? {} : { "Content-Length": String(bytes.length) }) })
    yield* passMarks("bytes")
    yield* passMarks("events")
    yield* wait(looseStallMs)
    if (bytes.length > 0) yield* write(bytes)
    yield* finish
  })

  /** The bytes of a text, with the line ends of the plan. */
  const lines = (text: string): Buffer =>
    Buffer.from(plan.newline === "\n" ? text : text.replaceAll("\n", plan.newline))

  /** The newest frame. It is held back, because the last frame loses its blank line. */
  let held: Buffer | undefined

  const writeFrame = (bytes: Buffer): Effect.Effect<void, ConnectionGone> => {
    if (!plan.unterminated) return write(bytes)
    const before = held
    held = bytes
    return before === undefined ? Effect.void : write(before)
  }

  const noisy = plan.malformedFirst || plan.comment || plan.unknown || plan.dropped.size > 0 ||
    plan.repeated.size > 0 || looseStallMs > 0

  let produced = 0
  /** The encoding of the last event, so that a repeated partial is encoded once. */
  let encoded: { readonly event: WireEvent; readonly bytes: Buffer } | undefined

  const encode = (event: WireEvent, spoil: boolean): Buffer => {
    if (encoded?.event === event && !spoil) return encoded.bytes
    const data = JSON.stringify({ eventType: event.event, ...event.data })
    const id = event.id === undefined ? "" : `id: ${event.id}\n`
    const bytes = lines(`${id}event: ${event.event}\ndata: ${spoil ? data.slice(0, -1) : data}\n\n`)
    encoded = spoil ? undefined : { event, bytes }
    return bytes
  }

  const emit: Emit = (event) => {
    const number = ++produced
    const bytes = encode(event, plan.malformed.has(number))
    if (!noisy) {
      counts.events = number
      entry.responseEvents++
      return marks.length > 0 ? Effect.zipRight(writeFrame(bytes), passMarks("events")) : writeFrame(bytes)
    }
    return Effect.gen(function*() {
      if (number === 1 && plan.malformedFirst) yield* writeFrame(lines("event: step_progress\ndata: {\"broken\": \n\n"))
      if (plan.comment) yield* writeFrame(lines(": keep-alive\n\n"))
      if (plan.unknown) yield* writeFrame(lines("event: step_dreamt\ndata: {\"eventType\":\"step_dreamt\"}\n\n"))
      if (!plan.dropped.has(number)) {
        entry.responseEvents++
        yield* writeFrame(bytes)
        if (plan.repeated.has(number)) yield* writeFrame(bytes)
      }
      counts.events = number
      yield* passMarks("events")
      if (number === 1) yield* wait(looseStallMs)
    })
  }

  const writeEvents = Effect.fnUntraced(function*(run: (emit: Emit) => Effect.Effect<void, ConnectionGone>) {
    writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache" })
    yield* passMarks("bytes")
    yield* passMarks("events")
    if (plan.bom) yield* write(Buffer.from("\uFEFF"))
    yield* whileOpen(run(emit))
    if (held !== undefined) yield* write(held.subarray(0, -plan.newline.length))
    yield* finish
  })

  return {
    wait,
    sendText: writeBody,
    reset: stop("reset"),
    send: (reply) => {
      if (plan.body === "html") return writeBody(200, { "Content-Type": "text/html" }, page)
      if (plan.body === "empty") return writeBody(200, {}, "")
      return reply.type === "events"
        ? writeEvents(reply.run)
        : writeBody(reply.status, { "Content-Type": "application/json", ...reply.headers }, JSON.stringify(reply.body))
    }
  }
}
