/**
 * One call on the wire: headers, clocks, retries, log events, and the mapping of every outcome. Every endpoint goes
 * through here.
 *
 * @see contract 2, 11, 12
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { AttemptInfo, LogEvent } from "../../Telemetry.js"
import { finite, limitOf } from "../core/time.js"
import type { ReadBody } from "../operations/requests.js"
import * as Address from "../options/address.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { type EventSink, makeEventSink, makeLog } from "../telemetry/tell.js"
import * as Http from "./HttpTransport.js"
import * as Limiter from "./limiter.js"
import * as Request from "./request.js"
import { attempted, type Attempts, type LiveError, makeBudget, type RetryBudget } from "./retrying.js"
import { type Choice, RunPaths } from "./runPaths.js"
import { type CallFacts, fromStatus, fromTransport, unexpected } from "./statusError.js"

/** A request to an endpoint, and the reader of its answer. */
export interface Endpoint<A> extends Request.RequestDescription {
  /** Reads a 2xx body. */
  readonly decode: ReadBody<A>
  /** The paths of a read that deployments serve under different ones. Default: `path`. */
  readonly choose?: () => Choice
}

export interface Caller {
  readonly config: Request.CallConfig
  readonly transport: Http.HttpTransport
  readonly log: ((event: LogEvent) => void) | undefined
  /** The event sink of a fiber; `undefined` without a listener. */
  readonly sinkOf: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => EventSink | undefined
  readonly budget: RetryBudget
  readonly scrub: Request.Scrubber
  readonly prepare: Request.RequestBuilder
  /** The request of an endpoint that answers once. */
  readonly request: (
    endpoint: Request.RequestDescription,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ) => Either.Either<Http.SendRequest, InvalidRequestError>
  readonly runPaths: RunPaths
  readonly facts: (endpoint: Request.RequestDescription) => CallFacts
  /** `undefined` without a limit. */
  readonly limiter: Limiter.Limiter | undefined
  readonly send: <A>(endpoint: Endpoint<A>) => Effect.Effect<A, LiveError>
}

const parseJson = (text: string): Either.Either<unknown, string> => {
  try {
    return Either.right(JSON.parse(text))
  } catch {
    return Either.left(
      text.trim() === ""
        ? "the body is empty"
        : /^\s*</.test(text)
        ? "the body is HTML, not JSON"
        : "the body is not JSON"
    )
  }
}

/** Whether a request begins or continues a run. `maxConcurrency` counts such requests. */
const isOfRun = ({ httpMethod }: Request.RequestDescription): boolean => httpMethod === "POST"

const closed = new Http.TransportClosed({ sent: "no" })

/** The failure of a request that waited for its turn when its client was closed. */
const refused = (
  { facts }: Caller,
  endpoint: Request.RequestDescription
): Effect.Effect<never, LiveError> => Effect.failSync(() => fromTransport(facts(endpoint), closed))

/** Opens one response within the limits of the client. It is in flight until it has failed or its scope is closed. */
export const limitedOpening = <A, R>(
  caller: Caller,
  endpoint: Request.RequestDescription,
  self: Effect.Effect<A, LiveError, R>
): Effect.Effect<A, LiveError, R | Scope.Scope> =>
  Effect.suspend(() => {
    const waiting = caller.limiter?.request(isOfRun(endpoint), refused(caller, endpoint))
    if (waiting === undefined) return self
    const { leave, turn } = waiting
    return Effect.zipRight(Effect.addFinalizer(() => leave), Effect.onError(Effect.zipRight(turn, self), () => leave))
  })

/** Makes one request within the limits of the client. */
export const limited = <A>(
  caller: Caller,
  endpoint: Request.RequestDescription,
  self: Effect.Effect<A, LiveError>
): Effect.Effect<A, LiveError> =>
  caller.limiter === undefined ? self : Effect.scoped(limitedOpening(caller, endpoint, self))

/** One attempt at a request. */
export interface Attempt<out Q = Http.TransportRequest, out D = Request.RequestDescription> {
  readonly endpoint: D
  readonly request: Q
  readonly info: AttemptInfo
  /** The sink of its log events; `undefined` without a listener. */
  readonly tell: EventSink | undefined
}

/** The error of an attempt without a whole response, once its listener has been told. */
export const lost = (
  caller: Caller,
  { endpoint, info, tell }: Attempt,
  failure: Http.TransportError
): Effect.Effect<never, LiveError> =>
  Effect.suspend(() => {
    const error = fromTransport(caller.facts(endpoint), failure)
    return tell === undefined
      ? Effect.fail(error)
      : Effect.zipRight(
        tell({ ...info, phase: "error", error: error._tag, message: error.message }),
        Effect.fail(error)
      )
  })

/**
 * Makes one attempt, and logs the request and the response or the failure. `logPayloads`: whether bodies are logged.
 */
export const observed = <A extends Http.TransportResponse & { readonly text?: string }, R>(
  caller: Caller,
  attempt: Attempt,
  logPayloads: boolean,
  sent: Effect.Effect<A, Http.TransportError, R>
): Effect.Effect<A, LiveError, R> => {
  const { info, request: { body }, tell } = attempt
  const received = Effect.catchAll(sent, (failure) => lost(caller, attempt, failure))
  if (tell === undefined) return received
  return Effect.zipRight(
    tell({
      ...info,
      phase: "request",
      ...(logPayloads && body !== undefined ? { requestBody: caller.scrub(body) } : undefined)
    }),
    Effect.tap(received, ({ header, status, text }) => {
      const requestId = header("x-request-id")
      return tell({
        ...info,
        phase: "response",
        statusCode: status,
        ...(requestId === undefined ? undefined : { requestId: caller.scrub(requestId) }),
        ...(logPayloads && text !== undefined ? { responseBody: text } : undefined)
      })
    })
  )
}

/** The error of a response that is not 2xx. `body`: without the key. */
export const refusal = (
  caller: Caller,
  endpoint: Request.RequestDescription,
  response: Http.TransportResponse,
  body: string
): Effect.Effect<never, LiveError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(fromStatus(caller.facts(endpoint), response, body, now)))

/** Makes the attempts at a request, unless it is refused or a clock of it has run out before. */
export const attempts = <Q extends Http.TransportRequest, D extends Request.RequestDescription, A, R>(
  { budget, config, facts, sinkOf, transport: { pause } }: Caller,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  endpoint: D,
  prepared: Either.Either<Q, InvalidRequestError>,
  rules: Pick<Attempts<A, R>, "isPost" | "retryPost" | "info">,
  attempt: (attempt: Attempt<Q, D>) => Effect.Effect<A, LiveError, R>
): Effect.Effect<A, LiveError, R> => {
  if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
  const request = prepared.right
  const spent = Request.spentClock(request)
  if (spent !== undefined) return Effect.fail(fromTransport(facts(endpoint), spent))
  const tell = sinkOf(fiber)
  return attempted({
    endpoint,
    config,
    budget,
    tell,
    pause,
    ...rules,
    attempt: (n) => attempt({ endpoint, request, tell, info: rules.info(n) })
  })
}

/**
 * Makes the caller of a client over its transport. Those that wait for their turn are refused when the scope closes.
 */
export const make = (
  config: Request.CallConfig,
  transport: Http.HttpTransport
): Effect.Effect<Caller, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { apiKey } = config
    const key = apiKey === undefined ? undefined : Redacted.value(apiKey)
    const scrub = Request.scrubOf(key)
    const log = config.log === undefined ? undefined : yield* makeLog(config.log)
    const sinkOf = makeEventSink(log)
    const budget = makeBudget(Metrics.retryTokens)
    const limiter = Limiter.isLimited(config) ? yield* Limiter.make(config) : undefined
    const attemptTimeout = finite(config.attemptTimeout)
    const prepare = Request.requestBuilder(config)

    const facts: Caller["facts"] = (endpoint) => ({
      method: endpoint.context.method,
      flow: endpoint.flow === undefined ? undefined : Address.format(endpoint.flow),
      isPost: endpoint.httpMethod === "POST",
      executionId: endpoint.executionId,
      scrub
    })

    /** A response without the key, should the server ever repeat it. */
    const scrubbed = ({ header, status, text }: Http.TextResponse): Http.TextResponse => ({
      status,
      text: Http.isOk(status) ? scrub(text) : scrub.cut(text),
      header: (name) => {
        const value = header(name)
        return value === undefined ? undefined : scrub(value)
      }
    })

    function read<A>(endpoint: Endpoint<A>, response: Http.TextResponse): Effect.Effect<A, LiveError> {
      const { status, text } = response
      if (!Http.isOk(status)) return refusal(caller, endpoint, response, text)
      const json = parseJson(text)
      const decoded: Either.Either<A, string> = Either.isLeft(json)
        ? Either.left(json.left)
        : endpoint.decode(json.right, { raw: json.right, requestId: response.header("x-request-id") })
      return Either.mapLeft(
        decoded,
        (reason) => unexpected(facts(endpoint), response, text, reason, Either.getOrUndefined(json))
      )
    }

    const request: Caller["request"] = (endpoint, fiber) => {
      const { attemptTimeout: own } = endpoint.context.options
      const limits = {
        attemptTimeout: own === undefined ? attemptTimeout : limitOf(own),
        maxBytes: config.maxResponseBytes
      }
      // extended in place, since a copy per call is measurable
      return Either.map(
        prepare(endpoint, "application/json", Spans.traceparent(fiber)),
        (prepared) => Object.assign(prepared, limits)
      )
    }

    function send<A>(endpoint: Endpoint<A>): Effect.Effect<A, LiveError> {
      return Effect.withFiberRuntime((fiber) => {
        const choice = endpoint.choose?.()
        const { httpMethod: method } = endpoint
        const info = (attempt: number): AttemptInfo => ({ method, path: choice?.path ?? endpoint.path, attempt })
        const attempt = (made: Attempt<Http.SendRequest>): Effect.Effect<A, LiveError> => {
          const { attempt: n } = made.info
          const chosen = choice === undefined
            ? made
            : { ...made, request: { ...made.request, path: config.prefix + choice.path }, info: info(n) }
          const sent = observed(
            caller,
            chosen,
            config.logPayloads,
            Effect.map(transport.send(chosen.request), scrubbed)
          )
          const answered = limited(caller, endpoint, Effect.flatMap(sent, (response) => read(endpoint, response)))
          return choice === undefined
            ? answered
            : Effect.flatMap(Effect.either(answered), (outcome) => choice.judge(outcome) ?? attempt(made))
        }
        const isPost = method === "POST"
        return attempts(caller, fiber, endpoint, request(endpoint, fiber), { isPost, retryPost: isPost, info }, attempt)
      })
    }

    const caller: Caller = {
      config,
      transport,
      log,
      sinkOf,
      budget,
      scrub,
      prepare,
      request,
      runPaths: new RunPaths(config.runPaths),
      facts,
      limiter,
      send
    }
    return caller
  })
