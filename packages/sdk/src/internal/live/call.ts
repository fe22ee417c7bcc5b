/**
 * One call to Noukai: headers, clocks, retries, log events, and the mapping of whatever comes back. Every endpoint goes
 * through here (contract 2, 11, 12).
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type { RequestContext } from "../../CallOptions.js"
import type { FlowAddress } from "../../Flow.js"
import type { AttemptInfo, LogEvent } from "../../LogHook.js"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import type { ApiError, UnexpectedResponseError } from "../../NoukaiError.js"
import type { InvalidRequestError } from "../../NoukaiError.js"
import * as Telemetry from "../../Telemetry.js"
import * as Address from "../address.js"
import { afterARunMayExist } from "../callProgress.js"
import { milliseconds } from "../duration.js"
import * as Headers from "../headers.js"
import { invalid } from "../invalid.js"
import { makeLog } from "../logging.js"
import * as Metrics from "../metrics.js"
import { backoffDriver, isBackoff, shouldRetry } from "../retry.js"
import * as RetryBudget from "../retryBudget.js"
import { type CallFacts, fromStatus, fromTransport, unexpected } from "../statusError.js"
import { makeTell, type Tell } from "../tell.js"
import type { HttpTransport, SendRequest, TextResponse, TransportRequest } from "../transport/HttpTransport.js"

/**
 * What an endpoint asks for.
 *
 * @internal
 */
export interface Endpoint<A> {
  readonly context: RequestContext
  readonly httpMethod: "GET" | "POST"
  /** Below the base URL, encoded. */
  readonly path: string
  readonly flow: FlowAddress | undefined
  readonly sessionId: string | undefined
  /** The JSON value to send. */
  readonly body: unknown
  readonly executionId: string | undefined
  /** Reads a 2xx body; a string says what is wrong with it. */
  readonly decode: (json: unknown, response: TextResponse) => Either.Either<A, string>
}

/** @internal */
export type CallError = ApiError | InvalidRequestError | UnexpectedResponseError

/**
 * The configuration of a client; a relay has no key.
 *
 * @internal
 */
export interface CallConfig extends Omit<NoukaiConfig.Service, "apiKey"> {
  readonly apiKey: Redacted.Redacted<string> | undefined
}

/** @internal */
export interface Caller {
  readonly config: CallConfig
  readonly transport: HttpTransport
  readonly log: ((event: LogEvent) => void) | undefined
  /** Whom a fiber tells of what crosses the wire. */
  readonly telling: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Tell | undefined
  readonly budget: RetryBudget.RetryBudget
  /** Takes the key out of text. */
  readonly scrub: (text: string) => string
  /** A transport request for an endpoint, or why it cannot be made. */
  readonly prepare: (
    endpoint: Omit<Endpoint<never>, "decode">,
    accept: string,
    traceparent: string | undefined
  ) => Either.Either<TransportRequest, InvalidRequestError>
  readonly facts: (endpoint: Omit<Endpoint<never>, "decode">) => CallFacts
  readonly send: <A>(endpoint: Endpoint<A>) => Effect.Effect<A, CallError>
}

const serialise = (method: string, body: unknown): Either.Either<string, InvalidRequestError> =>
  Either.try({
    try: () => JSON.stringify(body),
    catch: (cause) => invalid(method, "body", "must be JSON: no cycles, no BigInt", { cause })
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

const finite = (duration: Duration.Duration): number | undefined =>
  Duration.isFinite(duration) ? Duration.toMillis(duration) : undefined

/** @internal */
export const make = (config: CallConfig, transport: HttpTransport): Effect.Effect<Caller> =>
  Effect.gen(function*() {
    const { apiKey } = config
    const baseHeaders = apiKey === undefined ? config.headers : { ...config.headers, ...Headers.ofClient(apiKey) }
    const postHeaders = { ...baseHeaders, accept: "application/json", "content-type": "application/json" }
    const key = apiKey === undefined ? undefined : Redacted.value(apiKey)
    const scrub = (text: string) => key !== undefined && text.includes(key) ? text.replaceAll(key, "<redacted>") : text
    const log = config.log === undefined ? undefined : yield* makeLog(config.log)
    const telling = makeTell(log)
    const budget = RetryBudget.make(Metrics.retryTokens)
    const connectTimeout = finite(config.connectTimeout)
    const attemptTimeout = finite(config.attemptTimeout)

    const prepare: Caller["prepare"] = (endpoint, accept, traceparent) => {
      const { context: { method, options, progress }, httpMethod, sessionId } = endpoint
      let headers: Record<string, string> = httpMethod === "POST" && accept === "application/json"
        ? postHeaders
        : httpMethod === "POST"
        ? { ...postHeaders, accept }
        : { ...baseHeaders, accept }
      if (options.headers !== undefined) {
        const extra = Headers.extra(method, options.headers)
        if (Either.isLeft(extra)) return Either.left(extra.left)
        headers = { ...headers, ...extra.right, accept }
      }
      if (sessionId !== undefined) {
        if (!Headers.isHeaderValue(sessionId)) {
          return Either.left(invalid(method, "sessionId", "must be text that a header can carry"))
        }
        headers = { ...headers, "x-session-id": sessionId }
      }
      if (traceparent !== undefined) headers = { traceparent, ...headers }
      let connect = connectTimeout
      if (options.connectTimeout !== undefined) {
        const ms = milliseconds(method, "connectTimeout", options.connectTimeout)
        if (Either.isLeft(ms)) return Either.left(ms.left)
        connect = ms.right
      }
      let body: string | undefined
      if (endpoint.body !== undefined) {
        const json = serialise(method, endpoint.body)
        if (Either.isLeft(json)) return Either.left(json.left)
        body = json.right
      }
      return Either.right({
        method: httpMethod,
        origin: config.origin,
        path: config.prefix + endpoint.path,
        headers,
        body,
        connectTimeout: connect,
        progress
      })
    }

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

    /** What the server says, without the key, should it ever repeat it. */
    const scrubbed = ({ header, status, text }: TextResponse): TextResponse => ({
      status,
      text: scrub(text),
      header: (name) => {
        const value = header(name)
        return value === undefined ? undefined : scrub(value)
      }
    })

    const read = <A>(endpoint: Endpoint<A>, n: number, response: TextResponse): Effect.Effect<A, CallError> => {
      const { status, text } = response
      if (status < 200 || status > 299) {
        return Effect.flatMap(
          Clock.currentTimeMillis,
          (now) => Effect.fail(fromStatus(facts(endpoint), response, text, now))
        )
      }
      const json = parseJson(text)
      const decoded = Either.isLeft(json) ? json : endpoint.decode(json.right, response)
      if (Either.isLeft(decoded)) {
        return Effect.fail(unexpected(
          facts(endpoint),
          response,
          text,
          decoded.left,
          Either.isRight(json) ? executionIdIn(json.right) : undefined
        ))
      }
      if (n === 0) budget.succeeded()
      return Effect.succeed(decoded.right)
    }

    const attempt = <A>(
      endpoint: Endpoint<A>,
      request: SendRequest,
      n: number,
      tell: Tell | undefined
    ): Effect.Effect<A, CallError> => {
      const sent = transport.send(request)
      if (tell === undefined) {
        return Effect.matchEffect(sent, {
          onFailure: (error) => Effect.fail(fromTransport(facts(endpoint), error)),
          onSuccess: (response) => read(endpoint, n, scrubbed(response))
        })
      }
      const told = Effect.matchEffect(sent, {
        onFailure: (failure) => {
          const error = fromTransport(facts(endpoint), failure)
          return Effect.zipRight(
            tell({ ...attemptInfo(endpoint, n), phase: "error", error: error._tag, message: error.message }),
            Effect.fail(error)
          )
        },
        onSuccess: (raw) => {
          const response = scrubbed(raw)
          return Effect.zipRight(tell(responseEvent(endpoint, n, response)), read(endpoint, n, response))
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

    const retried = <A>(
      endpoint: Endpoint<A>,
      request: SendRequest,
      first: CallError,
      tell: Tell | undefined
    ): Effect.Effect<A, CallError> =>
      Effect.gen(function*() {
        const { options } = endpoint.context
        const isPost = endpoint.httpMethod === "POST"
        const retryPost = options.retryPost ?? config.retryPost
        const schedule = options.retry ?? config.retry
        const isLimited = isBackoff(schedule)
        const next = backoffDriver(schedule)
        let error = first
        let mayHaveRun = false
        for (let n = 1; shouldRetry(error, isPost, retryPost); n++) {
          const delay = yield* next(error)
          if (delay === undefined) break
          const taken = isLimited ? budget.take(error) : 0
          if (taken === undefined) break
          if (tell !== undefined) {
            yield* tell({
              ...attemptInfo(endpoint, n),
              phase: "retry",
              delay,
              ...(error.statusCode === undefined ? undefined : { statusCode: error.statusCode }),
              ...(error.requestId === undefined ? undefined : { requestId: error.requestId })
            })
          }
          yield* Metrics.retried(error)
          yield* Effect.sleep(Duration.millis(delay))
          mayHaveRun ||= !error.isRetryable
          const outcome = yield* Effect.either(attempt(endpoint, request, n, tell))
          if (Either.isRight(outcome)) {
            budget.succeeded(isLimited ? taken : undefined)
            return outcome.right
          }
          error = outcome.left
        }
        return yield* isPost && mayHaveRun ? afterARunMayExist(error, endpoint.context.progress.sent) : error
      })

    const send = <A>(endpoint: Endpoint<A>): Effect.Effect<A, CallError> =>
      Effect.withFiberRuntime((fiber) => {
        const { context: { method, options }, httpMethod } = endpoint
        const prepared = prepare(endpoint, "application/json", Telemetry.traceparent(fiber))
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        let timeout = attemptTimeout
        if (options.attemptTimeout !== undefined) {
          const ms = milliseconds(method, "attemptTimeout", options.attemptTimeout)
          if (Either.isLeft(ms)) return Effect.fail(ms.left)
          timeout = ms.right
        }
        // grown in place: a copy per call is measurable
        const request: SendRequest = Object.assign(prepared.right, {
          attemptTimeout: timeout,
          maxBytes: config.maxResponseBytes
        })
        const tell = telling(fiber)
        return Effect.catchAll(attempt(endpoint, request, 0, tell), (error: CallError) =>
          shouldRetry(error, httpMethod === "POST", options.retryPost ?? config.retryPost)
            ? retried(endpoint, request, error, tell)
            : Effect.fail(error))
      })

    return { config, transport, log, telling, budget, scrub, prepare, facts, send }
  })

const executionIdIn = (json: unknown): string | undefined => {
  const id: unknown = typeof json === "object" && json !== null && "executionId" in json ? json.executionId : undefined
  return typeof id === "string" ? id : undefined
}
