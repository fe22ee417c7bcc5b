/**
 * One call on the wire: headers, clocks, retries, log events, and the mapping of every outcome. Every endpoint goes
 * through here.
 *
 * @see contract 2, 11, 12
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { AttemptInfo, LogEvent } from "../../LogHook.js"
import * as Address from "../flow/address.js"
import * as Limiter from "../limit/limiter.js"
import type { ReadBody } from "../operations/responseBody.js"
import { shouldRetry } from "../retry/retry.js"
import * as RetryBudget from "../retry/retryBudget.js"
import { afterARunMayExist } from "../run/callProgress.js"
import { clockOf } from "../runtime/fiber.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { type EventSink, makeEventSink, makeLog } from "../telemetry/tell.js"
import { finite, milliseconds } from "../time/duration.js"
import { type HttpTransport, type SendRequest, type TextResponse, TransportClosed } from "../transport/HttpTransport.js"
import { isOk } from "../transport/response.js"
import { type CallConfig, type RequestBuilder, requestBuilder, type RequestDescription, spentClock } from "./request.js"
import { type LiveError, retried } from "./retrying.js"
import { type Choice, RunPaths } from "./runPaths.js"
import { type Scrubber, scrubOf } from "./scrubbing.js"
import { type CallFacts, fromStatus, fromTransport, unexpected } from "./statusError.js"

/** A request to an endpoint, and the reader of its answer. */
export interface Endpoint<A> extends RequestDescription {
  /** Reads a 2xx body. */
  readonly decode: ReadBody<A>
  /** The paths of a read that deployments serve under different ones. Default: `path`. */
  readonly choose?: () => Choice
}

export interface Caller {
  readonly config: CallConfig
  readonly transport: HttpTransport
  readonly log: ((event: LogEvent) => void) | undefined
  /** The event sink of a fiber; `undefined` without a listener. */
  readonly sinkOf: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => EventSink | undefined
  readonly budget: RetryBudget.RetryBudget
  readonly scrub: Scrubber
  readonly prepare: RequestBuilder
  readonly runPaths: RunPaths
  readonly facts: (endpoint: RequestDescription) => CallFacts
  /** `undefined` without a limit. */
  readonly limiter: Limiter.Limiter | undefined
  readonly send: <A>(endpoint: Endpoint<A>) => Effect.Effect<A, LiveError>
}

/** The sink of a call's log events. */
interface Observer {
  readonly tell: EventSink | undefined
  readonly now: () => number
}

const observing = (fiber: Fiber.RuntimeFiber<unknown, unknown>, tell: EventSink | undefined): Observer => ({
  tell,
  now: () => clockOf(fiber).unsafeCurrentTimeMillis()
})

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

/** Whether a request begins a run or goes on with one, which the limit on what is under way counts. */
const isOfRun = ({ httpMethod }: RequestDescription): boolean => httpMethod === "POST"

const closed = new TransportClosed({ sent: "no" })

/** The failure of a request that waited for its turn when its client was closed. */
const refused = ({ facts }: Pick<Caller, "facts">, endpoint: RequestDescription): Effect.Effect<never, LiveError> =>
  Effect.failSync(() => fromTransport(facts(endpoint), closed))

/** Makes one request within the limits of the client. */
export const limited = <A, R>(
  caller: Pick<Caller, "facts" | "limiter">,
  endpoint: RequestDescription,
  self: Effect.Effect<A, LiveError, R>
): Effect.Effect<A, LiveError, R> =>
  caller.limiter === undefined ? self : caller.limiter.within(isOfRun(endpoint), self, refused(caller, endpoint))

/** Opens one response within the limits of the client. */
export const limitedOpening = <A, R>(
  caller: Caller,
  endpoint: RequestDescription,
  self: Effect.Effect<A, LiveError, R>
): Effect.Effect<A, LiveError, R | Scope.Scope> =>
  caller.limiter === undefined ? self : caller.limiter.opening(isOfRun(endpoint), self, refused(caller, endpoint))

/**
 * Makes the caller of a client over its transport. Those that wait for their turn are refused when the scope closes.
 */
export const make = (
  config: CallConfig,
  transport: HttpTransport
): Effect.Effect<Caller, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { apiKey } = config
    const key = apiKey === undefined ? undefined : Redacted.value(apiKey)
    const scrub = scrubOf(key)
    const log = config.log === undefined ? undefined : yield* makeLog(config.log)
    const sinkOf = makeEventSink(log)
    const budget = RetryBudget.make(Metrics.retryTokens)
    const limiter = Limiter.isLimited(config) ? yield* Limiter.make(config) : undefined
    const attemptTimeout = finite(config.attemptTimeout)
    const prepare = requestBuilder(config)

    const facts: Caller["facts"] = (endpoint) => ({
      method: endpoint.context.method,
      flow: endpoint.flow === undefined ? undefined : Address.format(endpoint.flow),
      isPost: endpoint.httpMethod === "POST",
      executionId: endpoint.executionId,
      scrub
    })

    const attemptInfo = (endpoint: Endpoint<unknown>, attempt: number): AttemptInfo => ({
      method: endpoint.httpMethod,
      path: endpoint.path,
      attempt
    })

    const responseEvent = (endpoint: Endpoint<unknown>, attempt: number, response: TextResponse): LogEvent => {
      const requestId = response.header("x-request-id")
      return {
        ...attemptInfo(endpoint, attempt),
        phase: "response",
        statusCode: response.status,
        ...(requestId === undefined ? undefined : { requestId }),
        ...(config.logPayloads ? { responseBody: response.text } : undefined)
      }
    }

    /** A response without the key, should the server ever repeat it. */
    const scrubbed = ({ header, status, text }: TextResponse): TextResponse => ({
      status,
      text: isOk(status) ? scrub(text) : scrub.cut(text),
      header: (name) => {
        const value = header(name)
        return value === undefined ? undefined : scrub(value)
      }
    })

    const read = <A>(
      endpoint: Endpoint<A>,
      n: number,
      response: TextResponse,
      now: () => number
    ): Either.Either<A, LiveError> => {
      const { status, text } = response
      if (!isOk(status)) return Either.left(fromStatus(facts(endpoint), response, text, now()))
      const json = parseJson(text)
      const decoded = Either.isLeft(json)
        ? json
        : endpoint.decode(json.right, { raw: json.right, requestId: response.header("x-request-id") })
      if (Either.isLeft(decoded)) {
        return Either.left(
          unexpected(facts(endpoint), response, text, decoded.left, Either.getOrUndefined(json))
        )
      }
      if (n === 0) budget.succeeded()
      return Either.right(decoded.right)
    }

    const attemptNow = <A, B, E>(
      endpoint: Endpoint<A>,
      request: SendRequest,
      n: number,
      { now, tell }: Observer,
      go: (outcome: Either.Either<A, LiveError>) => Effect.Effect<B, E>
    ): Effect.Effect<B, E> => {
      const sent = transport.send(request)
      if (tell === undefined) {
        return Effect.matchEffect(sent, {
          onFailure: (failure) => go(Either.left(fromTransport(facts(endpoint), failure))),
          onSuccess: (response) => go(read(endpoint, n, scrubbed(response), now))
        })
      }
      const told = Effect.matchEffect(sent, {
        onFailure: (failure) => {
          const error = fromTransport(facts(endpoint), failure)
          return Effect.zipRight(
            tell({ ...attemptInfo(endpoint, n), phase: "error", error: error._tag, message: error.message }),
            go(Either.left(error))
          )
        },
        onSuccess: (raw) => {
          const response = scrubbed(raw)
          return Effect.zipRight(
            tell(responseEvent(endpoint, n, response)),
            Effect.suspend(() => go(read(endpoint, n, response, now)))
          )
        }
      })
      return Effect.zipRight(
        tell({
          ...attemptInfo(endpoint, n),
          phase: "request",
          ...(config.logPayloads && request.body !== undefined ? { requestBody: scrub(request.body) } : undefined)
        }),
        told
      )
    }

    const attemptInTurn: typeof attemptNow = (endpoint, request, n, observer, go) =>
      Effect.matchEffect(
        limited({ facts, limiter }, endpoint, attemptNow(endpoint, request, n, observer, Effect.succeed)),
        {
          onFailure: (error) => go(Either.left(error)),
          onSuccess: go
        }
      )

    /** Makes one request and gives its outcome to `go`, after which it is not under way any more. */
    const attempt = limiter === undefined ? attemptNow : attemptInTurn

    const send = <A>(endpoint: Endpoint<A>): Effect.Effect<A, LiveError> =>
      Effect.withFiberRuntime((fiber) => {
        const { context: { method, options, progress } } = endpoint
        const isPost = endpoint.httpMethod === "POST"
        const isFresh = endpoint.executionId === undefined
        const mayRetry = (error: LiveError): boolean =>
          shouldRetry(error, { isPost, isFresh, retryPost: options.retryPost ?? config.retryPost })
        const prepared = prepare(endpoint, "application/json", Spans.traceparent(fiber))
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        let timeout = attemptTimeout
        if (options.attemptTimeout !== undefined) {
          const ms = milliseconds(method, "attemptTimeout", options.attemptTimeout)
          if (Either.isLeft(ms)) return Effect.fail(ms.left)
          timeout = ms.right
        }
        // extended in place, since a copy per call is measurable
        const request: SendRequest = Object.assign(prepared.right, {
          attemptTimeout: timeout,
          maxBytes: config.maxResponseBytes
        })
        const spent = spentClock(request)
        if (spent !== undefined) return Effect.fail(fromTransport(facts(endpoint), spent))
        const observer = observing(fiber, sinkOf(fiber))
        const choice = endpoint.choose?.()
        const placed = () => choice === undefined ? endpoint : { ...endpoint, path: choice.path }
        const attemptAt = <B, E>(
          n: number,
          go: (outcome: Either.Either<A, LiveError>) => Effect.Effect<B, E>
        ): Effect.Effect<B, E> => {
          if (choice === undefined) return attempt(endpoint, request, n, observer, go)
          const chosen = { ...request, path: config.prefix + choice.path }
          return attempt(placed(), chosen, n, observer, (outcome) => {
            const judged = choice.judge(outcome)
            return judged === undefined ? attemptAt(n, go) : go(judged)
          })
        }
        return attemptAt(
          0,
          (outcome): Effect.Effect<A, LiveError> =>
            Either.isRight(outcome) || !mayRetry(outcome.left)
              ? outcome
              : retried({
                first: outcome.left,
                mayRetry,
                schedule: options.retry ?? config.retry,
                budget,
                tell: observer.tell,
                info: (n) => attemptInfo(placed(), n),
                pause: transport.pause,
                attempt: (n) => attemptAt(n, Effect.succeed),
                progress: isPost ? progress : undefined,
                givingUp: (error, mayHaveRun) => isPost && mayHaveRun ? afterARunMayExist(error, progress.sent) : error
              })
        )
      })

    return {
      config,
      transport,
      log,
      sinkOf,
      budget,
      scrub,
      prepare,
      runPaths: new RunPaths(config.runPaths),
      facts,
      limiter,
      send
    }
  })
