/**
 * Middleware and relay for Express 4 and 5.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { Names } from "@effect-noukai/sdk/kit/names"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as ErrorAnswer from "./ErrorAnswer.js"
import type { RelayHandlerOptions } from "./FlowRelay.js"
import { type ContextRunner, snapshot } from "./internal/asyncContext.js"
import { headerOf, type NodeRequest, type NodeResponse } from "./internal/express/messages.js"
import { requestBody } from "./internal/express/requestBody.js"
import {
  cutOff,
  holdResponse,
  isOfCallerWhoLeft,
  over,
  send,
  sendEarly,
  sendPieces
} from "./internal/express/response.js"
import { handledError } from "./internal/handledError.js"
import { type JsonAnswer, jsonAnswer } from "./internal/jsonAnswer.js"
import { clientNames, errorNames, refuseMisnamed, refuseWithoutClient } from "./internal/names.js"
import { promisePage } from "./internal/page/promisePage.js"
import { promiseRelay, type RequestInContext, unavailable } from "./internal/relay/promiseRelay.js"
import { declaresBody, type Pull } from "./internal/relay/readBody.js"
import { isExcluded, requestedSession } from "./internal/sessions/request.js"
import * as RequestScope from "./internal/sessions/requestScope.js"
import { promiseReceiver } from "./internal/webhooks.js"
import type { PageHandlerOptions } from "./Page.js"
import type * as Relay from "./Relay.js"
import * as ReplayAnswer from "./ReplayAnswer.js"
import * as SessionsOptions from "./SessionsOptions.js"
import type { WebhookOptions } from "./Webhooks.js"

/**
 * The parts of a request that this module uses. Requests of Express and of Node have them.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpressRequest extends NodeRequest {}

/**
 * The parts of a response that this module uses. Responses of Express and of Node have them.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpressResponse extends NodeResponse {}

/**
 * Passes a request to the next handler, or an error to the error handlers.
 *
 * @since 0.1.0
 * @category models
 */
export type NextFunction = (error?: unknown) => void

/**
 * Middleware for Express 4 and 5, and for every server that passes the same three arguments.
 *
 * @since 0.1.0
 * @category models
 */
export type Middleware = (request: ExpressRequest, response: ExpressResponse, next: NextFunction) => void

/**
 * The options of {@link sessions}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends SessionsOptions.SessionsOptions {
  /** The client that fetches the sessions to replay. The runs of every client belong to the scope. */
  readonly client: Noukai
  /**
   * Called with the error of a replay whose response had begun. The error is also logged as a warning. Default: none.
   */
  readonly onReplayError?: ((error: ReplayError) => void) | undefined
}

const nameSession = (response: NodeResponse, sessionId: string, isExposed: boolean): void => {
  response.setHeader(SessionsOptions.sessionHeader, sessionId)
  if (isExposed) response.setHeader(...RequestScope.exposing((name) => response.getHeader(name)))
}

const answerInstead = (scope: RequestScope.RequestScope) => (status: number): ReplayAnswer.ReplayAnswer | undefined => {
  const answer = Effect.runSyncExit(scope.answerInstead(status))
  return answer._tag === "Success" ? answer.value : undefined
}

/** Sends a response in place of all later handlers. */
const refused = (
  request: NodeRequest,
  response: NodeResponse,
  answer: JsonAnswer
): Effect.Effect<void, never, Scope.Scope> =>
  request.readableEnded || !declaresBody((name) => headerOf(request, name))
    ? Effect.sync(() => send(response, answer))
    : Effect.flatMap(requestBody(request), (pull) => sendEarly(request, pull, response, answer))

const inScope = (
  response: NodeResponse,
  scope: RequestScope.RequestScope,
  options: Options,
  pass: (scope: TraceScope.Scope) => void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // the response may have begun while the session was fetched
    if (!response.headersSent) nameSession(response, scope.scope.sessionId, options.exposeSession === true)
    const held = scope.isReplay ? holdResponse(response, answerInstead(scope)) : undefined
    pass(scope.scope)
    return Effect.flatMap(over(response), () =>
      held === undefined || held.isSettled() ? Effect.void : RequestScope.report(
        scope,
        // leftover recordings are not an error if the response broke off
        response.writableFinished ? response.statusCode : 500,
        RequestScope.promiseHook(options.onReplayError)
      ))
  })

interface Emitter {
  emit(event: string, ...args: Array<unknown>): boolean
}

const bound = new WeakMap<Emitter, ContextRunner>()

/**
 * Runs the listeners of an emitter in a context from now on. Otherwise they run in the context of the emitting code,
 * and a handler that reads the body by events is outside of its request's scope. Another call replaces the context.
 */
const bindEmitter = (emitter: Emitter, within: ContextRunner): void => {
  const isBound = bound.has(emitter)
  bound.set(emitter, within)
  if (isBound) return
  const emit = emitter.emit
  emitter.emit = (...args) => {
    const emitted = () => emit.apply(emitter, args)
    const current = bound.get(emitter)
    return current === undefined ? emitted() : current(emitted)
  }
}

/**
 * Middleware that opens a scope for each request, until the response has been sent. A request with `X-Noukai-Replay` is
 * answered from that session if replay is on (`NOUKAI_REPLAY_ENABLED`); any other request is captured under a new
 * session. The response has the session's id in `X-Noukai-Session`. A replay error becomes a JSON response. After the
 * response has begun, it is logged instead.
 *
 * @example
 * ```ts
 * import { sessions } from "@effect-noukai/adapters/express"
 * import { Noukai } from "@effect-noukai/promise"
 * import type { Express } from "express"
 *
 * declare const app: Express
 *
 * const noukai = new Noukai()
 * app.use(sessions({ client: noukai, exclude: ["/health"] }))
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const sessions = (options: Options): Middleware => {
  refuseWithoutClient("sessions", options, clientNames satisfies Names<Options>)
  return middleware(options)
}

const middleware = (options: Options): Middleware => (request, response, next) => {
  if (isExcluded(options.exclude, request.originalUrl ?? request.url ?? "/")) return next()
  const within = snapshot()
  let isPassedOn = false
  const pass = (scope: TraceScope.Scope): void => {
    isPassedOn = true
    const inScope: ContextRunner = (f) => TraceScope.runIn(scope, f)
    bindEmitter(request, inScope)
    bindEmitter(response, inScope)
    within(() => inScope(() => next()))
  }
  const traced: Effect.Effect<void, never, NoukaiHttp> = Effect.scoped(
    Effect.matchEffect(
      RequestScope.open(requestedSession(request.headers[SessionsOptions.replayHeader]), options),
      {
        onFailure: (error) => refused(request, response, jsonAnswer(ReplayAnswer.fromOpening(error))),
        onSuccess: (scope) => inScope(response, scope, options, pass)
      }
    )
  )
  run(options.client, traced).catch((error: unknown) => {
    if (!isPassedOn) next(error)
  })
}

/**
 * The name of `sessions` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category middleware
 */
export const noukaiTraceMiddleware: (options: Options) => Middleware = sessions

/**
 * An error handler of Express 4 and 5, known by its four parameters.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorMiddleware = (
  error: unknown,
  request: ExpressRequest,
  response: ExpressResponse,
  next: NextFunction
) => void

/**
 * An error handler for errors of the Promise client and of the sdk: 502, 503 with `Retry-After` if it is known, or 504,
 * without details (`ErrorAnswer.fromError`). Any other error goes to the next error handler, as does an error after the
 * response has begun. The end of a call by {@link requestSignal} is not an error: nobody reads an answer then. Use it
 * after the routes.
 *
 * @example
 * ```ts
 * import { errorHandler } from "@effect-noukai/adapters/express"
 * import type { Express } from "express"
 *
 * declare const app: Express
 *
 * app.use(errorHandler())
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const errorHandler = (options: ErrorAnswer.Options = {}): ErrorMiddleware => {
  refuseMisnamed("errorHandler", options, errorNames)
  return (error, _request, response, next) => {
    if (isOfCallerWhoLeft(response, error)) return
    const answer = response.headersSent ? undefined : handledError(error, options)
    if (answer === undefined) next(error)
    else send(response, answer)
  }
}

/**
 * A signal that is aborted when the caller leaves before the response has been sent. Pass it as the `signal` of a call
 * to end the call too.
 *
 * @example
 * ```ts
 * import { requestSignal } from "@effect-noukai/adapters/express"
 * import type { Noukai } from "@effect-noukai/promise"
 * import type { RequestHandler } from "express"
 *
 * declare const noukai: Noukai
 *
 * const handler: RequestHandler = async (request, response) => {
 *   const done = await noukai.flow("noukai/samples/two-step").execute({
 *     message: String(request.query.q),
 *     signal: requestSignal(response)
 *   })
 *   response.json(done.status === "completed" ? done.result : { error: done.status })
 * }
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const requestSignal = (response: ExpressResponse): AbortSignal => cutOff(response)

/**
 * The options of {@link relay}.
 *
 * @since 0.1.0
 * @category options
 */
export type RelayOptions<Request extends ExpressRequest = ExpressRequest> = RelayHandlerOptions<Request>

const relayed = <Request extends ExpressRequest>(
  rules: Relay.Relay<RequestInContext<Request>, NoukaiHttp>,
  inContext: RequestInContext<Request>,
  response: ExpressResponse
): Effect.Effect<void, never, NoukaiHttp | Scope.Scope> =>
  Effect.gen(function*() {
    const { request } = inContext
    const pull = yield* requestBody(request)
    const answer = yield* rules({
      request: inContext,
      method: request.method ?? "",
      header: (name) => headerOf(request, name),
      pull
    })
    if (answer.isRead) send(response, answer)
    else yield* sendEarly(request, pull, response, answer)
  })

/**
 * The relay as a handler. A `POST` of the body of `/execute` runs the pinned flow with the client's key, if `authorize`
 * allows it, and returns Noukai's answer. It also works behind a body parser.
 *
 * Throws an `InvalidRequestError` when the flow, the version or a limit is wrong.
 *
 * @example
 * ```ts
 * import { relay } from "@effect-noukai/adapters/express"
 * import { Noukai } from "@effect-noukai/promise"
 * import type { Express, Request } from "express"
 *
 * declare const app: Express
 * declare const isLoggedIn: (request: Request) => boolean
 *
 * const noukai = new Noukai()
 * app.post("/agent/execute", relay({ client: noukai, flow: "noukai/samples/hello-world", authorize: isLoggedIn }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const relay = <Request extends ExpressRequest = ExpressRequest>(
  options: RelayOptions<Request>
): (request: Request, response: ExpressResponse) => void => {
  const rules = promiseRelay(options)
  return (request, response) => {
    const answered = Effect.scoped(relayed(rules, { request, within: snapshot() }, response))
    run(options.client, answered, { signal: cutOff(response) }).catch(() => send(response, unavailable))
  }
}

/** The bytes of a body that a parser has kept; `undefined` where one has read them and kept none. */
const bytesOf = (request: ExpressRequest, pull: Pull): Uint8Array | Pull | undefined => {
  const { body, rawBody, readableDidRead, readableEnded } = request
  if (rawBody instanceof Uint8Array) return rawBody
  if (readableDidRead !== true && !readableEnded) return pull
  return body instanceof Uint8Array ? body : undefined
}

/**
 * Receives webhooks of jobs: verifies a delivery, and calls `onEvent` once for it. `event.job` is the key of the job in the
 * address, by which `nudges` finds who waits for it. Throws an `InvalidRequestError` when an option is wrong, such as
 * an empty secret.
 *
 * It needs the bytes of the body: put it before `express.json()`, give it `express.raw({ type: "application/json" })`, or keep them in
 * `request.rawBody` by the parser's `verify`. Without them the answer is a 500, and the log says so once.
 *
 * @example
 * ```ts
 * import { webhooks } from "@effect-noukai/adapters/express"
 * import { nudges } from "@effect-noukai/sdk/Webhook"
 * import type { Express } from "express"
 *
 * declare const app: Express
 *
 * const inbox = nudges()
 * app.post("/hooks/noukai", webhooks({ secrets: process.env.NOUKAI_WEBHOOK_SECRET!, onEvent: inbox.onEvent }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const webhooks = (options: WebhookOptions): (request: ExpressRequest, response: ExpressResponse) => void => {
  const answers = promiseReceiver(options)
  return (request, response) => {
    const received = Effect.gen(function*() {
      const pull = yield* requestBody(request)
      const answer = yield* Effect.promise(() =>
        answers({
          method: request.method ?? "",
          url: request.originalUrl ?? request.url ?? "",
          header: (name) => headerOf(request, name),
          body: bytesOf(request, pull)
        })
      )
      if (answer.isRead) send(response, answer)
      else yield* sendEarly(request, pull, response, answer)
    })
    void Effect.runPromise(Effect.scoped(received))
  }
}

/**
 * The options of {@link flowPage}.
 *
 * @since 0.1.0
 * @category options
 */
export type PageOptions<Request extends ExpressRequest, V extends Relay.Verdict> = PageHandlerOptions<Request, V>

/**
 * A flow in a page, for `useChat` of the AI SDK and `useFlow` of `@effect-noukai/promise/react`: `POST {api}` runs a turn,
 * `GET {api}/{chat}/stream` shows it again, `DELETE {api}/{chat}` cancels it. Each run is billed to you, so `authorize` has
 * no default. It also works behind a body parser. `/Page` describes the wire.
 *
 * Throws an `InvalidRequestError` when an option is wrong.
 *
 * @example
 * ```ts
 * import { flowPage } from "@effect-noukai/adapters/express"
 * import { Noukai } from "@effect-noukai/promise"
 * import type { Express, Request } from "express"
 *
 * declare const app: Express
 * declare const userOf: (request: Request) => { readonly id: string } | false
 *
 * app.use("/api/triage", flowPage({
 *   client: new Noukai(),
 *   flow: "noukai/samples/two-step",
 *   authorize: userOf,
 *   owner: (user) => user.id
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const flowPage = <V extends Relay.Verdict, Request extends ExpressRequest = ExpressRequest>(
  options: PageOptions<Request, V>
): (request: Request, response: ExpressResponse) => void => {
  const answers = promisePage(options)
  return (request, response) => {
    const answered = Effect.gen(function*() {
      const pull = yield* requestBody(request)
      const answer = yield* Effect.promise(() =>
        answers({
          request,
          method: request.method ?? "",
          url: request.originalUrl ?? request.url ?? "",
          header: (name) => headerOf(request, name),
          pull
        })
      )
      if ("next" in answer) yield* sendPieces(response, answer)
      else if (answer.isRead) send(response, answer)
      else yield* sendEarly(request, pull, response, answer)
    })
    void Effect.runPromise(Effect.scoped(answered))
  }
}

/**
 * The name of `relay` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noukaiRelayHandler: typeof relay = relay

/**
 * The name of `RelayOptions` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category options
 */
export type NoukaiRelayHandlerOptions<Request extends ExpressRequest = ExpressRequest> = RelayOptions<Request>

/**
 * The name of `ExpressRequest` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category models
 */
export type RelayExpressRequest = ExpressRequest

/**
 * The name of `Options` in `@noukai/sdk`.
 *
 * @since 0.1.0
 * @category options
 */
export type NoukaiTraceMiddlewareOptions = Options
