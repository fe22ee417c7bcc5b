/**
 * One call on the wire: headers, clocks, retries, log events, and the mapping of every outcome. Every endpoint goes
 * through here.
 *
 * @see docs/wire.md#headers
 * @see docs/wire.md#errors
 * @see docs/wire.md#retries
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { InvalidRequestError, NoukaiError } from "../../NoukaiError.js"
import type { AttemptInfo, LogEvent, LogHook } from "../../Telemetry.js"
import { type AnyFiber, withFiber, writesDebug } from "../core/fiber.js"
import { known } from "../core/makeError.js"
import { limitOf } from "../core/time.js"
import { parseJson } from "../kit/plainJson.js"
import type { CallDefaults } from "../operations/operations.js"
import type { ReadBody } from "../operations/requests.js"
import * as Address from "../options/address.js"
import { afterARunMayExist } from "../options/callOptions.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import * as Http from "./HttpTransport.js"
import * as Limiter from "./limiter.js"
import * as Request from "./request.js"
import { isBackoff, serverDelay, shouldRetry } from "./retry.js"
import { type Choice, RunPaths } from "./runPaths.js"
import { type CallFacts, fromStatus, fromTransport, type LiveError, unexpected } from "./statusError.js"

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
  /** The server of the requests, for spans and metrics. */
  readonly server: CallDefaults["server"]
  readonly log: ((event: LogEvent) => void) | undefined
  /** The event sink of a fiber; `undefined` without a listener. */
  readonly sinkOf: (fiber: AnyFiber) => EventSink | undefined
  readonly budget: RetryBudget
  readonly scrub: Request.Scrubber
  readonly prepare: Request.RequestBuilder
  /** The request of an endpoint that answers once. */
  readonly request: (
    endpoint: Request.RequestDescription,
    fiber: AnyFiber
  ) => Either.Either<Http.SendRequest, InvalidRequestError>
  /** Sends a request. The response comes without the key, should the server ever repeat it. */
  readonly sendText: Http.HttpTransport["send"]
  readonly runPaths: RunPaths
  readonly facts: (endpoint: Request.RequestDescription) => CallFacts
  /** `undefined` without a limit. */
  readonly limiter: Limiter.Limiter | undefined
  readonly send: <A>(endpoint: Endpoint<A>) => Effect.Effect<A, LiveError>
}

const jsonOf = (text: string): Either.Either<unknown, string> =>
  Either.try({
    try: () => parseJson(text),
    catch: () => {
      if (text.trim() === "") return "the body is empty"
      return /^\s*</.test(text) ? "the body is HTML, not JSON" : "the body is not JSON"
    }
  })

/** Whether a request begins or continues a run. `maxConcurrency` counts such requests. */
const isOfRun = ({ httpMethod }: Request.RequestDescription): boolean => httpMethod === "POST"

const closed = new Http.TransportClosed({ sent: "no" })

/**
 * The way of a request through the limits of the client; `undefined` if there are none. A request that waits for its
 * turn fails when the client is closed.
 */
export const limitsOf = ({ facts, limiter }: Caller, endpoint: Request.RequestDescription) =>
  limiter?.request(isOfRun(endpoint), Effect.failSync(() => fromTransport(facts(endpoint), closed)))

/** Makes one request within the limits of the client. */
export function limited<A>(
  caller: Caller,
  endpoint: Request.RequestDescription,
  self: Effect.Effect<A, LiveError>
): Effect.Effect<A, LiveError> {
  return Effect.suspend(() => {
    const limits = limitsOf(caller, endpoint)
    return limits === undefined ? self : Effect.ensuring(Effect.zipRight(limits.turn, self), Effect.sync(limits.leave))
  })
}

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

/** The rules of the attempts at a request. */
interface AttemptRules {
  /** Whether the caller may consent to repeat one that may have arrived. */
  readonly retryPost: boolean
  readonly info: (attempt: number) => AttemptInfo
}

/** Makes the attempts at a request, unless it is refused or a clock of it has run out before. */
export const attempts = <Q extends Http.TransportRequest, D extends Request.RequestDescription, A, R>(
  caller: Caller,
  fiber: AnyFiber,
  endpoint: D,
  prepared: Either.Either<Q, InvalidRequestError>,
  rules: AttemptRules,
  attempt: (attempt: Attempt<Q, D>) => Effect.Effect<A, LiveError, R>
): Effect.Effect<A, LiveError, R> => {
  if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
  const request = prepared.right
  const spent = Request.spentClock(request)
  if (spent !== undefined) return Effect.fail(fromTransport(caller.facts(endpoint), spent))
  const tell = caller.sinkOf(fiber)
  const make = (n: number) => attempt({ endpoint, request, tell, info: rules.info(n) })
  return Effect.matchEffect(make(0), {
    onFailure: (error) => retried(caller, endpoint, tell, rules, make, error),
    onSuccess: (answer) => {
      caller.budget.succeeded()
      return Effect.succeed(answer)
    }
  })
}

/** Makes further attempts after the first one has failed. */
const retried = <A, R>(
  { budget, config, transport: { pause } }: Caller,
  endpoint: Request.RequestDescription,
  tell: EventSink | undefined,
  rules: AttemptRules,
  attempt: (n: number) => Effect.Effect<A, LiveError, R>,
  first: LiveError
): Effect.Effect<A, LiveError, R> =>
  Effect.suspend(() => {
    const { context: { options, progress }, executionId } = endpoint
    const isPost = isOfRun(endpoint)
    const retryPost = rules.retryPost && (options.retryPost ?? config.retryPost)
    const facts = { isPost, isFresh: executionId === undefined, retryPost }
    if (!shouldRetry(first, facts)) return Effect.fail(first)
    const schedule = options.retry ?? config.retry
    const isLimited = isBackoff(schedule)
    let error = first
    let retries = 0
    let taken: number | undefined
    // whether an attempt before the last one may have started a run
    let mayHaveRun = false
    const isAllowed = (failure: LiveError): boolean => {
      error = failure
      if (!shouldRetry(error, facts)) return false
      taken = isLimited ? budget.take(error) : undefined
      return !isLimited || taken !== undefined
    }
    const waiting = Effect.fnUntraced(function*(wait: Duration.Duration) {
      const { requestId, statusCode } = error
      const delay = Math.max(Duration.toMillis(wait), serverDelay(error))
      retries++
      if (tell !== undefined) {
        yield* tell({ ...rules.info(retries), phase: "retry", delay, ...known({ statusCode, requestId }) })
      }
      yield* Metrics.countRetry(error)
      mayHaveRun ||= isPost && !error.isRetryable
      // while every attempt was refused, nothing has been sent
      if (isPost && !mayHaveRun) progress.sent = "no"
      // waits here, since the end of the client ends the wait
      yield* pause(delay)
      return Duration.zero
    })
    return Effect.suspend(() => retries === 0 ? Effect.fail(first) : attempt(retries)).pipe(
      Effect.retry(schedule.pipe(Schedule.check(isAllowed), Schedule.modifyDelayEffect((_, wait) => waiting(wait)))),
      Effect.tap(() => Effect.sync(() => budget.succeeded(taken))),
      Effect.mapError((error) => mayHaveRun ? afterARunMayExist(error, progress.sent) : error)
    )
  })

const serverOf = (origin: string): CallDefaults["server"] => {
  const { hostname, port, protocol } = new URL(origin)
  return { address: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (protocol === "https:" ? 443 : 80) }
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
    const prepare = Request.requestBuilder(config)

    const facts: Caller["facts"] = (endpoint) => ({
      method: endpoint.context.method,
      flow: endpoint.flow === undefined ? undefined : Address.format(endpoint.flow),
      isPost: isOfRun(endpoint),
      executionId: endpoint.executionId,
      scrub
    })

    const sendText: Caller["sendText"] = (request) =>
      Effect.map(transport.send(request), ({ header, status, text }) => ({
        status,
        text: Http.isOk(status) ? scrub(text) : scrub.cut(text),
        header: (name) => {
          const value = header(name)
          return value === undefined ? undefined : scrub(value)
        }
      }))

    function read<A>(endpoint: Endpoint<A>, response: Http.TextResponse): Effect.Effect<A, LiveError> {
      const { status, text } = response
      if (!Http.isOk(status)) return refusal(caller, endpoint, response, text)
      const json = jsonOf(text)
      const decoded: Either.Either<A, string> = Either.isLeft(json)
        ? Either.left(json.left)
        : endpoint.decode(json.right, { raw: json.right, requestId: response.header("x-request-id") })
      return Either.mapLeft(
        decoded,
        (reason) => unexpected(facts(endpoint), response, text, reason, Either.getOrUndefined(json))
      )
    }

    const request: Caller["request"] = (endpoint, fiber) =>
      Either.map(prepare(endpoint, "application/json", Spans.traceparent(fiber)), (prepared) => ({
        attemptTimeout: limitOf(endpoint.context.options.attemptTimeout ?? config.attemptTimeout),
        maxBytes: config.maxResponseBytes,
        ...prepared
      }))

    function send<A>(endpoint: Endpoint<A>): Effect.Effect<A, LiveError> {
      return withFiber((fiber) => {
        const choice = endpoint.choose?.()
        const { httpMethod: method } = endpoint
        const info = (attempt: number): AttemptInfo => ({ method, path: choice?.path ?? endpoint.path, attempt })
        const attempt = (made: Attempt<Http.SendRequest>): Effect.Effect<A, LiveError> => {
          const { attempt: n } = made.info
          const chosen = choice === undefined
            ? made
            : { ...made, request: { ...made.request, path: config.prefix + choice.path }, info: info(n) }
          const sent = observed(caller, chosen, config.logPayloads, sendText(chosen.request))
          const answered = limited(caller, endpoint, Effect.flatMap(sent, (response) => read(endpoint, response)))
          return choice === undefined
            ? answered
            : Effect.flatMap(Effect.either(answered), (outcome) => choice.judge(outcome) ?? attempt(made))
        }
        return attempts(caller, fiber, endpoint, request(endpoint, fiber), { retryPost: true, info }, attempt)
      })
    }

    const caller: Caller = {
      config,
      transport,
      server: serverOf(config.origin),
      log,
      sinkOf,
      budget,
      scrub,
      prepare,
      request,
      sendText,
      runPaths: new RunPaths(config.runPaths),
      facts,
      limiter,
      send
    }
    return caller
  })

/** The capacity of a bucket, which is full at first. */
const capacity = 500

/** The cost of a retry after the server asked for fewer requests, and after any other failure. */
const throttlingCost = 5
const transientCost = 14

/** The return of a success that took no retry. */
const plainReturn = 1

/**
 * A budget of retries that keeps a client from making an outage worse: retries under the default policy take tokens
 * from one bucket per client, and successes put tokens back.
 */
export interface RetryBudget {
  /** Takes the cost of a retry after this error: the cost, or `undefined` when too little is left. */
  readonly take: (error: NoukaiError) => number | undefined
  /** Returns the cost of the last retry of a call that succeeded; `undefined`: it took none. */
  readonly succeeded: (taken?: number) => void
}

/** Makes a full budget. `onLevel` sees the first level and every change. */
export const makeBudget = (onLevel: (tokens: number) => void): RetryBudget => {
  let tokens = capacity
  onLevel(tokens)
  return {
    take: (error) => {
      const cost = error._tag === "RateLimitError" ? throttlingCost : transientCost
      if (cost > tokens) return undefined
      tokens -= cost
      onLevel(tokens)
      return cost
    },
    succeeded: (taken = plainReturn) => {
      if (tokens === capacity) return
      tokens = Math.min(capacity, tokens + taken)
      onLevel(tokens)
    }
  }
}

/** The safe hook of a client: an exception is reported once as a warning and never reaches the call. */
export const makeLog = (hook: LogHook): Effect.Effect<(event: LogEvent) => void> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    let reported = false
    const report = (error: unknown): void => {
      if (reported) return
      reported = true
      Runtime.runFork(runtime)(Effect.logWarning("the Noukai log hook threw and was ignored", error))
    }
    return (event) => {
      try {
        const outcome: unknown = hook(event)
        // an async function fits the type of a hook; its rejection must not end the process
        if (Predicate.isPromiseLike(outcome)) outcome.then(undefined, report)
      } catch (error) {
        report(error)
      }
    }
  })

export type EventSink = (event: LogEvent) => Effect.Effect<void>

/** Writes an event as a log line: its subject as text, every field as an annotation. */
const debugLine: EventSink = (event) => {
  const { phase, ...fields } = event
  const about = "path" in event ? `${event.method} ${event.path}` : `${event.mode} ${event.sessionId}`
  return Effect.annotateLogs(Effect.logDebug(`noukai ${phase}: ${about}`), fields)
}

/** The sink of a fiber's log events; `undefined` without a listener. */
export const makeEventSink = (
  hook: ((event: LogEvent) => void) | undefined
): (fiber: AnyFiber) => EventSink | undefined => {
  const toHook: EventSink | undefined = hook && ((event) => Effect.sync(() => hook(event)))
  const toBoth: EventSink = toHook === undefined
    ? debugLine
    : (event) => Effect.zipRight(toHook(event), debugLine(event))
  return (fiber) => writesDebug(fiber) ? toBoth : toHook
}
