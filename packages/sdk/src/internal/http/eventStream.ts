/**
 * Event streams, of `/step` and of the live trace: opened inside the stream, decoded in its pull, once per arrival of
 * bytes.
 *
 * @see docs/wire.md#frames
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type * as Stream from "effect/Stream"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { type AnyFiber, metricLabelsOf, withFiber } from "../core/fiber.js"
import { fromResponse, type OnClose, type Pull } from "../core/streamPull.js"
import { limitOf } from "../core/time.js"
import { digitsIn, digitsOf, parseJson, withDigits } from "../kit/plainJson.js"
import { endsResponse, type WireEvent } from "../operations/wireEvent.js"
import * as Wire from "../operations/wireEvent.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { type Attempt, attempts, type Caller, type Endpoint, limitsOf, lost, observed, refusal } from "./call.js"
import { readText } from "./exchange.js"
import * as Http from "./HttpTransport.js"
import { type LiveError, unexpected } from "./statusError.js"

/** The request of an event stream. */
export interface StreamEndpoint extends Omit<Endpoint<never>, "decode"> {
  readonly context: RequestContext & { readonly options: StreamOptions }
  /**
   * Whether the request runs the steps that its events tell of: their tokens and costs are counted, and a pause ends the
   * response as the end of the run does. Those of a trace belong to another call.
   */
  readonly isRun: boolean
  /** Whether the request has the timeouts and retries of `execute`. */
  readonly isExecute: boolean
}

const prepare = (
  caller: Caller,
  endpoint: StreamEndpoint,
  traceparent: string | undefined
): Either.Either<Http.OpenRequest, InvalidRequestError> =>
  Either.map(caller.prepare(endpoint, "text/event-stream", traceparent), (request) => {
    const { config } = caller
    const { options } = endpoint.context
    return endpoint.isExecute
      ? { attemptTimeout: limitOf(options.attemptTimeout ?? config.attemptTimeout), ...request }
      : {
        firstByteTimeout: limitOf(options.firstByteTimeout ?? config.firstByteTimeout),
        idleTimeout: limitOf(options.idleTimeout ?? config.idleTimeout),
        ...request
      }
  })

type StreamAttempt = Attempt<Http.OpenRequest, StreamEndpoint>

/** Opens one response within the limits of the client. It is in flight until it has failed or is closed. */
const limitedOpening = <A>(
  caller: Caller,
  endpoint: StreamEndpoint,
  onClose: OnClose,
  self: Effect.Effect<A, LiveError>
): Effect.Effect<A, LiveError> =>
  Effect.suspend(() => {
    const limits = limitsOf(caller, endpoint)
    if (limits === undefined) return self
    const { leave, turn } = limits
    onClose(leave)
    return Effect.onError(Effect.zipRight(turn, self), () => Effect.sync(leave))
  })

/** The response of an attempt. One that is not 2xx is read and fails. */
const open = (
  caller: Caller,
  attempt: StreamAttempt,
  onClose: OnClose
): Effect.Effect<Http.StreamResponse, LiveError> =>
  limitedOpening(
    caller,
    attempt.endpoint,
    onClose,
    Effect.flatMap(
      observed(caller, attempt, caller.config.logPayloads, caller.transport.open(attempt.request, onClose)),
      (response) =>
        Http.isOk(response.status)
          ? Effect.succeed(response)
          : readText(response, Http.maxBytes).pipe(
            Effect.catchAll((failure) => lost(caller, attempt, failure)),
            Effect.flatMap(({ text }) => refusal(caller, attempt.endpoint, response, caller.scrub.cut(text)))
          )
    )
  )

/** The labels for the usage of a stream. */
const labelsOf = (fiber: AnyFiber, { server }: Caller, { flow }: StreamEndpoint): Metrics.CallLabels => {
  if (flow !== undefined) return Metrics.labelsOfCall(fiber, flow, server)
  const own = metricLabelsOf(fiber)
  return { ours: own, genAi: own }
}

/** Reads a response to its end. A pull gives all the events that one arrival of bytes completed. */
const read = (
  caller: Caller,
  attempt: StreamAttempt,
  response: Http.StreamResponse,
  fiber: AnyFiber
): Pull<WireEvent, LiveError> => {
  const { endpoint } = attempt
  const facts = caller.facts(endpoint)
  const { config: { maxFrameBytes }, scrub } = caller
  const events: Array<WireEvent> = []
  let warnings: Array<string> = []
  let error: LiveError | undefined
  let ending = false

  const fail = (reason: string): void => {
    error ??= unexpected(facts, response, "", reason)
  }
  const labels = labelsOf(fiber, caller, endpoint)
  const decoder = new SseDecoder(
    (name, data) => {
      if (error !== undefined) return
      const event = decodeEvent(
        name === undefined ? undefined : scrub(name),
        scrub(data),
        (text) => warnings.push(text)
      )
      if (event === undefined) return
      if (event.type !== "undecodable") {
        events.push(event)
        if (endpoint.isRun && endsResponse(event)) response.complete()
      } // What was cut off in the middle of a frame ends the stream there; it does not make the frame wrong.
      else if (!ending) fail(event.reason)
    },
    maxFrameBytes
  )
  const check = (fits: boolean): void => {
    if (!fits) fail(`an event is longer than ${maxFrameBytes} bytes`)
  }
  const report = Effect.suspend(() => {
    const [first, ...others] = warnings
    warnings = []
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`
    return Effect.logWarning(`${facts.method} ${facts.flow ?? ""}: ${first}${more}`)
  })
  /** Gives the events so far, and goes on unless one of them was wrong. */
  const settle = (goOn: Pull<WireEvent, LiveError>): Pull<WireEvent, LiveError> => {
    next = error === undefined ? goOn : Effect.fail(Option.some(error))
    const chunk = events.splice(0)
    if (endpoint.isRun) Metrics.countSteps(labels, chunk.filter((event) => event.type === "step_completed"))
    const given = chunk.length === 0 ? next : Effect.succeed(Chunk.unsafeFromArray(chunk))
    return warnings.length === 0 ? given : Effect.zipRight(report, given)
  }
  const arrival: Pull<WireEvent, LiveError> = Effect.matchEffect(response.pull, {
    onFailure: (failure) => {
      if (Option.isSome(failure)) return Effect.mapError(lost(caller, attempt, failure.value), Option.some)
      ending = true
      check(decoder.end())
      return settle(Exit.fail(Option.none()))
    },
    onSuccess: (parts) => {
      for (const bytes of parts) check(decoder.push(bytes))
      return settle(arrival)
    }
  })
  let next = arrival
  return Effect.suspend(() => next)
}

/** Opens a stream. A request that may run something is made again only if it never left or was refused. */
const opened = (
  caller: Caller,
  endpoint: StreamEndpoint,
  onClose: OnClose
): Effect.Effect<Pull<WireEvent, LiveError>, LiveError> =>
  withFiber((fiber) => {
    const { httpMethod: method, isExecute: retryPost, path } = endpoint
    const prepared = prepare(caller, endpoint, Spans.traceparent(fiber))
    const info = (attempt: number) => ({ method, path, attempt, streaming: true as const })
    onClose(Metrics.streamOpened(fiber))
    return attempts(
      caller,
      fiber,
      endpoint,
      prepared,
      { retryPost, info },
      (made) => Effect.map(open(caller, made, onClose), (response) => read(caller, made, response, fiber))
    )
  })

/**
 * The events of an endpoint. The request is made within the first pull; it is never repeated here once the stream has
 * begun. The socket closes with the stream.
 */
export const events = (caller: Caller, endpoint: StreamEndpoint): Stream.Stream<WireEvent, LiveError> =>
  fromResponse((onClose) => opened(caller, endpoint, onClose))

/**
 * Receives each frame that has a `data` field. `name` is its `event` field, `undefined` when that is absent, empty or
 * `message`; `data` is its `data` lines joined with `\n`.
 */
export type OnFrame = (name: string | undefined, data: string) => void

/** 16 Mi UTF-16 units, which a frame of 16 MiB of UTF-8 never exceeds. */
export const defaultFrameLimit: number = 16 * 1024 * 1024

/**
 * Decodes one stream: `push` each chunk of bytes, and `end` when the stream ended cleanly, because a last frame without
 * its blank line counts. Frames are delivered from within these calls. They return `false` once a frame or a line is
 * longer than the limit of UTF-16 units; nothing more is delivered then.
 *
 * @example
 * const decoder = new SseDecoder((name, data) => frames.push({ name, data }))
 * const fits = decoder.push(chunk)
 */
export class SseDecoder {
  /** Keeps the bytes of a character that has not ended, and removes a byte order mark. */
  private readonly utf8 = new TextDecoder()
  private afterCr = false
  /** The line that has begun but not ended, in the pieces that it came in. */
  private line: Array<string> = []
  private lineLength = 0
  private name: string | undefined = undefined
  private data: string | undefined = undefined
  private fits = true

  constructor(
    private readonly onFrame: OnFrame,
    private readonly limit: number = defaultFrameLimit
  ) {}

  push(bytes: Uint8Array): boolean {
    if (this.fits) this.read(this.utf8.decode(bytes, { stream: true }))
    return this.fits
  }

  end(): boolean {
    if (this.fits) this.read(this.utf8.decode())
    if (!this.fits) return false
    const line = this.line.join("")
    // the rest of the name may be lost, and another name would be another event
    if (valueOf(line, "event") !== undefined) this.data = undefined
    this.readLine(line)
    this.endFrame()
    return this.fits
  }

  private read(decoded: string): void {
    if (decoded === "") return
    // the other half of a line end that was cut in two
    const text = this.afterCr && decoded.startsWith("\n") ? decoded.slice(1) : decoded
    this.afterCr = decoded.endsWith("\r")
    // a pattern takes several times as long
    const lines = text.split(text.includes("\r") ? /\r\n?|\n/ : "\n")
    const rest = lines.pop()!
    for (const line of lines) {
      if (this.lineLength === 0) this.readLine(line)
      else {
        this.line.push(line)
        const whole = this.line.join("")
        this.line = []
        this.lineLength = 0
        this.readLine(whole)
      }
      if (!this.fits) return
    }
    if (rest !== "") this.line.push(rest)
    this.lineLength += rest.length
    if (this.lineLength + (this.data?.length ?? 0) > this.limit) this.fail()
  }

  private readLine(line: string): void {
    if (line === "") return this.endFrame()
    const value = valueOf(line, "data")
    if (value !== undefined) {
      this.data = this.data === undefined ? value : `${this.data}\n${value}`
      if (this.data.length > this.limit) this.fail()
      return
    }
    const name = valueOf(line, "event")
    if (name !== undefined) this.name = name === "" || name === "message" ? undefined : name
  }

  private endFrame(): void {
    const { data, name } = this
    this.name = undefined
    this.data = undefined
    if (data !== undefined) this.onFrame(name, data)
  }

  private fail(): void {
    this.fits = false
    this.line = []
    this.data = undefined
  }
}

/** The value of a line of a field; `undefined` of any other line. */
const valueOf = (line: string, field: "data" | "event"): string | undefined => {
  if (!line.startsWith(field)) return undefined
  const at = field.length
  if (line.length === at) return ""
  if (line[at] !== ":") return undefined
  return line.slice(line[at + 1] === " " ? at + 2 : at + 1)
}

/** A frame that the run depends on, and that cannot be decoded. It quotes nothing of the payload. */
export interface UndecodableFrame {
  readonly type: "undecodable"
  readonly reason: string
}

type Payload = { [key: string]: unknown }

interface Field {
  readonly name: string
  readonly isOptional: boolean
  /** Whether the field only informs, so that one that does not fit is dropped. */
  readonly isDispensable: boolean
  readonly fits: (value: unknown) => boolean
}

interface EventKind {
  readonly type: Wire.WireEvent["type"]
  /** Whether the run depends on the event. */
  readonly essential: boolean
  readonly fields: ReadonlyArray<Field>
}

const keywords: { readonly [tag: string]: Field["fits"] } = {
  StringKeyword: Predicate.isString,
  NumberKeyword: Predicate.isNumber,
  UnknownKeyword: () => true
}

/** `ParseResult.is`, but for the keywords that nearly all fields of events consist of. */
const check = (ast: AST.AST): Field["fits"] => {
  if (!AST.isUnion(ast)) return keywords[ast._tag] ?? ParseResult.is(Schema.make(ast))
  const members = ast.types.map(check)
  return (value) => members.some((fits) => fits(value))
}

/**
 * Reads the fields of an event from its schema. They are checked one by one, since `Schema.is` of the whole struct takes
 * longer than `JSON.parse`, and long streams would miss their budget.
 */
const kind = (schema: Schema.Schema.AnyNoContext, essential: boolean): EventKind => {
  const signatures = AST.getPropertySignatures(schema.ast)
  const { type } = signatures.find(({ name }) => name === "type")!
  let fields: EventKind["fields"] | undefined
  return {
    type: (type as AST.Literal).literal as Wire.WireEvent["type"],
    essential,
    get fields() {
      return fields ??= signatures.filter(({ name }) => name !== "type").map((signature) => ({
        name: String(signature.name),
        isOptional: signature.isOptional,
        isDispensable: signature.annotations[Wire.Informing] === true,
        fits: check(signature.type)
      }))
    }
  }
}

const fitsIn = (payload: Payload, { fits, isOptional, name }: Field): boolean =>
  Object.hasOwn(payload, name) ? fits(payload[name]) : isOptional

const runStarted = kind(Wire.RunStarted, true)

const kinds: ReadonlyMap<string, EventKind> = new Map([
  ["step_output", kind(Wire.StepOutput, false)],
  ["step_started", kind(Wire.StepStarted, false)],
  ["step_completed", kind(Wire.StepCompleted, true)],
  ["step_input", kind(Wire.StepInput, false)],
  ["step_paused", kind(Wire.StepPaused, true)],
  ["step_error", kind(Wire.StepError, true)],
  ["step_paused_for_tool_calls", kind(Wire.ToolCallsRequired, true)],
  ["flow_completed", kind(Wire.FlowCompleted, true)],
  ["run_started", runStarted],
  ["flow_started", runStarted]
])

const parse = (data: string): Payload | undefined => {
  try {
    const json = parseJson(data)
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json as Payload : undefined
  } catch {
    return undefined
  }
}

const keepOriginal = (payload: Payload): void =>
  Wire.keepOriginal(payload, withDigits({ ...payload }, digitsOf(payload)))

/** Drops fields that only inform and do not fit. Returns the name of another field that does not fit. */
const mend = (kind: EventKind, name: string, payload: Payload, warn: (text: string) => void): string | undefined => {
  keepOriginal(payload)
  for (const field of kind.fields) {
    if (fitsIn(payload, field)) continue
    if (!field.isDispensable) return field.name
    delete payload[field.name]
    warn(`${field.name} of an event ${name} does not fit and was left out`)
  }
  return undefined
}

const refuse = (
  kind: EventKind | undefined,
  reason: string,
  warn: (text: string) => void
): UndecodableFrame | undefined => {
  if (kind?.essential === true) return { type: "undecodable", reason }
  warn(reason)
  return undefined
}

/**
 * The event of a frame; `undefined` for a dropped one, which `warn` reports. `name` is the frame's own name, if it has
 * one.
 */
export const decodeEvent = (
  frameName: string | undefined,
  data: string,
  warn: (text: string) => void
): Wire.WireEvent | UndecodableFrame | undefined => {
  const payload = parse(data)
  const name = frameName ?? payload?.eventType
  if (typeof name !== "string" || name === "") {
    warn(payload === undefined ? "an event is not a JSON object" : "an event has no name")
    return undefined
  }
  const known = kinds.get(name)
  if (payload === undefined) return refuse(known, `an event ${name} is not a JSON object`, warn)
  if (known === undefined) {
    return withDigits({ type: "unknown", name, data: payload } as const, digitsIn([["data", digitsOf(payload)]]))
  }
  if (!known.fields.every((field) => fitsIn(payload, field))) {
    const misfit = mend(known, name, payload, warn)
    if (misfit !== undefined) return refuse(known, `an event ${name} has no ${misfit} that fits`, warn)
  }
  // older servers name the run in `runId` alone
  if (known === runStarted && typeof payload.executionId !== "string" && typeof payload.runId !== "string") {
    return refuse(known, `an event ${name} has no executionId that fits`, warn)
  }
  // a key `type` of the payload is the server's own, and stays in `raw`
  if (payload.type !== undefined) keepOriginal(payload)
  payload.type = known.type
  return payload as Wire.WireEvent
}
