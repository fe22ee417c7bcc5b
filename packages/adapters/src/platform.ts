/**
 * Middleware and relay for servers of `@effect/platform`: `HttpRouter`, `HttpApi`, or any `HttpApp`.
 *
 * @since 0.1.0
 */
import type { Names } from "@effect-noukai/sdk/kit/names"
import { InvalidRequestError, type NoukaiError, type ReplayError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as Tools from "@effect-noukai/sdk/Tools"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import type { VerifyOptions, WebhookEvent } from "@effect-noukai/sdk/Webhook"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ErrorAnswer from "./ErrorAnswer.js"
import { logged } from "./internal/handledError.js"
import { type JsonAnswer, jsonAnswer } from "./internal/jsonAnswer.js"
import { platformNames, refuseMisnamed } from "./internal/names.js"
import { handler, type Page, type StreamAnswer } from "./internal/page/handler.js"
import { checkNames, limitNames, made } from "./internal/page/settings.js"
import { checkClientTools, type PageTools } from "./internal/page/tools.js"
import { declaresBody, linger, type Pull } from "./internal/relay/readBody.js"
import { isExcluded, requestedSession } from "./internal/sessions/request.js"
import * as RequestScope from "./internal/sessions/requestScope.js"
import { receiver } from "./internal/webhooks.js"
import type { FlowInput, Limits, Message, PageRequest } from "./Page.js"
import * as Relay from "./Relay.js"
import * as ReplayAnswer from "./ReplayAnswer.js"
import * as SessionsOptions from "./SessionsOptions.js"
import type { ReceiverOptions } from "./Webhooks.js"

/**
 * The options of {@link sessions}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends SessionsOptions.SessionsOptions {
  /**
   * Called with the error of a replay whose response had begun. The error is also logged as a warning. Default: none.
   */
  readonly onReplayError?: ((error: ReplayError) => Effect.Effect<void>) | undefined
}

const isInvalid = Schema.is(InvalidRequestError)

const whole = ({ body, headers, status }: JsonAnswer): HttpServerResponse.HttpServerResponse =>
  body === undefined
    ? HttpServerResponse.empty({ status, headers })
    : HttpServerResponse.text(body, { status, headers, contentType: headers["content-type"] })

const encoder = new TextEncoder()

/**
 * A response to a request whose body has not been read to its end. All of it is sent at once. It ends when the rest of
 * the request has been read, up to a limit.
 */
const early = (pull: Pull, { body, headers, status }: JsonAnswer): HttpServerResponse.HttpServerResponse => {
  const bytes = encoder.encode(body ?? "")
  return HttpServerResponse.stream(
    Stream.concat(Stream.make(bytes), Stream.execute(linger(pull))),
    { status, headers, contentType: headers["content-type"], contentLength: bytes.length }
  )
}

/**
 * The body of a request. It is not touched before it is pulled. If the request's scope closes before the body was read
 * to its end, its connection closes too.
 */
const bodyOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Pull, never, Scope.Scope> =>
  Stream.toPull(Stream.suspend(() =>
    // a web request without a body has `null` here
    Predicate.hasProperty(request.source, "body") && request.source.body === null ? Stream.empty : request.stream
  ))

/** The response in place of the app, which would have read the body. */
const refused = (
  request: HttpServerRequest.HttpServerRequest,
  answer: JsonAnswer
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope> =>
  declaresBody((name) => request.headers[name])
    ? Effect.map(bodyOf(request), (pull) => early(pull, answer))
    : Effect.succeed(whole(answer))

const withSession = (
  response: HttpServerResponse.HttpServerResponse,
  sessionId: string,
  isExposed: boolean
): HttpServerResponse.HttpServerResponse => {
  const named = HttpServerResponse.setHeader(response, SessionsOptions.sessionHeader, sessionId)
  return isExposed
    ? HttpServerResponse.setHeader(named, ...RequestScope.exposing((name) => response.headers[name]))
    : named
}

type Piecewise = AsyncIterable<Uint8Array> & { readonly destroy?: () => unknown }

const isPiecewise = (body: unknown): body is Piecewise =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body

/**
 * The pieces of a body, which is closed at the end and when the caller leaves. The end does not wait for `return`, which
 * an iterator runs only after a pending `next`.
 */
const reading = (body: Piecewise): Stream.Stream<Uint8Array, unknown> =>
  body instanceof ReadableStream ? Stream.fromReadableStream(() => body, identity) : Stream.acquireRelease(
    Effect.sync(() => body[Symbol.asyncIterator]()),
    (iterator) =>
      Effect.forkDaemon(Effect.ignore(Effect.tryPromise(async () => {
        body.destroy?.()
        await iterator.return?.()
      })))
  ).pipe(
    Stream.flatMap((iterator) =>
      Stream.fromAsyncIterable({ [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }, identity)
    )
  )

/** The body of a response. A stream of Node or of the web becomes a stream of pieces. */
const pieces = ({ body, headers }: HttpServerResponse.HttpServerResponse): HttpBody.HttpBody =>
  body._tag === "Raw" && isPiecewise(body.body)
    ? HttpBody.stream(
      reading(body.body),
      body.contentType ?? headers["content-type"],
      body.contentLength
    )
    : body

/** A body that arrives piece by piece stays in the scope, and in the replay, until its end. */
const streamed = (
  response: HttpServerResponse.HttpServerResponse,
  body: HttpBody.Stream,
  request: RequestScope.RequestScope,
  options: Options
): HttpServerResponse.HttpServerResponse => {
  const report = (status: number) => RequestScope.report(request, status, options.onReplayError)
  const stream = TraceScope.withinStream(request.scope)(body.stream).pipe(
    Stream.tapError(() => report(500)),
    Stream.concat(Stream.execute(Effect.suspend(() => report(response.status))))
  )
  return HttpServerResponse.setBody(response, HttpBody.stream(stream, body.contentType, body.contentLength))
}

const settled = (
  response: HttpServerResponse.HttpServerResponse,
  request: RequestScope.RequestScope,
  options: Options
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const body = request.isReplay ? pieces(response) : response.body
  if (body._tag === "Stream") return Effect.succeed(streamed(response, body, request, options))
  return Effect.map(
    request.answerInstead(response.status),
    (answer) => answer === undefined ? response : whole(jsonAnswer(answer))
  )
}

/**
 * Middleware that opens a scope for each request. A request with `X-Noukai-Replay` is answered from that session if
 * replay is on (`NOUKAI_REPLAY_ENABLED`); any other request is captured under a new session. The response has the
 * session's id in `X-Noukai-Session`. A replay error becomes a JSON response. After the response has begun, it is
 * logged instead.
 *
 * Pass it to `HttpServer.serve` or `HttpApiBuilder.serve`, or use it on a router.
 *
 * @example
 * ```ts
 * import * as Platform from "@effect-noukai/adapters/platform"
 * import { HttpRouter, HttpServer } from "@effect/platform"
 *
 * const server = HttpRouter.empty.pipe(HttpServer.serve(Platform.sessions({ exclude: ["/health"] })))
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const sessions = (
  options: Options = {}
): <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R | NoukaiHttp | Scope.Scope> => {
  refuseMisnamed("sessions", options, platformNames satisfies Names<Options>)
  return scoped(options)
}

const scoped =
  (options: Options) => <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R | NoukaiHttp | Scope.Scope> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): HttpApp.Default<E, R | NoukaiHttp | Scope.Scope> => {
      if (isExcluded(options.exclude, request.originalUrl)) return app
      const id = requestedSession(request.headers[SessionsOptions.replayHeader])
      return Effect.matchEffect(Effect.interruptible(RequestScope.open(id, options)), {
        onFailure: (error) => refused(request, jsonAnswer(ReplayAnswer.fromOpening(error))),
        onSuccess: (scope) => {
          const { sessionId } = scope.scope
          return Effect.zipRight(
            HttpApp.appendPreResponseHandler((_, response) =>
              Effect.map(
                settled(response, scope, options),
                (response) => withSession(response, sessionId, options.exposeSession === true)
              )
            ),
            TraceScope.within(scope.scope)(app)
          )
        }
      })
    })

const answered = (error: unknown): Option.Option<Effect.Effect<HttpServerResponse.HttpServerResponse>> =>
  Option.map(
    Option.fromNullable(ErrorAnswer.fromError(error)),
    (answer) => Effect.as(logged(error), whole(jsonAnswer(answer)))
  )

const isOurs = <E>(error: E): error is Extract<E, NoukaiError> => ErrorAnswer.fromError(error) !== undefined

/**
 * Answers an error of the sdk or of the Promise client, as a failure or a defect of the app: 502, 503 with
 * `Retry-After` if it is known, or 504, without details (`ErrorAnswer.fromError`). Logs the error. Leaves every other
 * error unchanged.
 *
 * Put it around the app, or use it on a router or in `HttpApiBuilder.middleware`. It has no effect as middleware of
 * `HttpServer.serve`, which runs after the response to an error has been sent.
 *
 * @example
 * ```ts
 * import * as Platform from "@effect-noukai/adapters/platform"
 * import { HttpRouter, HttpServer } from "@effect/platform"
 *
 * const server = HttpRouter.empty.pipe(
 *   HttpRouter.use(Platform.errorHandler),
 *   HttpServer.serve(Platform.sessions())
 * )
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const errorHandler = <E, R>(
  app: HttpApp.Default<E, R>
): HttpApp.Default<Exclude<E, Extract<E, NoukaiError>>, R> =>
  Effect.catchSomeDefect(
    Effect.catchIf(app, isOurs, (error) => Option.getOrThrow(answered(error))),
    answered
  )

/**
 * The options of {@link webhooks}.
 *
 * @since 0.1.0
 * @category options
 */
export interface PlatformWebhookOptions<out E, out R> extends ReceiverOptions, Omit<VerifyOptions, "secrets"> {
  /** The secrets of the organisation, as `VerifyOptions` of the sdk has them. */
  readonly secrets: Redacted.Redacted | ReadonlyArray<Redacted.Redacted | undefined>
  /**
   * Run once for each delivery. If it fails, or has not ended after 15 seconds, the answer is 500, and the service
   * delivers again. It goes on when the request is over.
   */
  readonly onEvent: (event: WebhookEvent) => Effect.Effect<unknown, E, R>
}

const unredacted = (secrets: PlatformWebhookOptions<never, never>["secrets"]): ReadonlyArray<string | undefined> =>
  [secrets].flat().map((secret) => secret === undefined ? secret : Redacted.value(secret))

/** Whether something has read the body of a request of Node, or of the web. */
const wasRead = ({ source }: HttpServerRequest.HttpServerRequest): boolean =>
  (Predicate.hasProperty(source, "readableDidRead") && source.readableDidRead === true) ||
  (Predicate.hasProperty(source, "bodyUsed") && source.bodyUsed === true)

/**
 * Receives webhooks of jobs, as an app for a route: verifies a delivery, and runs `onEvent` once for it. `event.job` is the
 * key of the job in the address, by which `nudges` finds who waits for it. Fails with `InvalidRequestError` when an
 * option is wrong, such as an empty secret.
 *
 * @example
 * ```ts
 * import * as Platform from "@effect-noukai/adapters/platform"
 * import { nudges } from "@effect-noukai/sdk/Webhook"
 * import { HttpRouter } from "@effect/platform"
 * import { Config, Effect } from "effect"
 *
 * const inbox = nudges()
 *
 * const router = Effect.gen(function*() {
 *   const secrets = yield* Config.redacted("NOUKAI_WEBHOOK_SECRET")
 *   const receive = yield* Platform.webhooks({ secrets, onEvent: (event) => Effect.sync(() => inbox.onEvent(event)) })
 *   return HttpRouter.empty.pipe(HttpRouter.post("/hooks/noukai", receive))
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const webhooks = <E, R>(
  options: PlatformWebhookOptions<E, R>
): Effect.Effect<HttpApp.Default<never, R | Scope.Scope>, InvalidRequestError> =>
  Effect.map(
    Effect.try({
      try: () => {
        const { onEvent, secrets, ...rest } = options
        return receiver({ ...rest, secrets: unredacted(secrets) }, onEvent)
      },
      catch: (error) => {
        if (isInvalid(error)) return error
        throw error
      }
    }),
    (answers) =>
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const pull = yield* bodyOf(request)
        const answer = yield* answers({
          method: request.method,
          url: request.originalUrl,
          header: (name) => request.headers[name],
          body: wasRead(request) ? undefined : pull
        })
        return answer.isRead ? whole(answer) : early(pull, answer)
      })
  )

/**
 * The options of {@link relay}: its limits, and its check of the caller.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayOptions<out E, out R> extends Relay.Options<HttpServerRequest.HttpServerRequest, E, R> {}

const relayed = <R>(
  rules: Relay.Relay<HttpServerRequest.HttpServerRequest, R | NoukaiHttp>,
  http: NoukaiHttp.Service
): HttpApp.Default<never, Exclude<R, NoukaiHttp> | Scope.Scope> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const pull = yield* bodyOf(request)
    const call = { request, method: request.method, header: (name: string) => request.headers[name], pull }
    const answer = yield* Effect.interruptible(
      Effect.provideService(rules(call), NoukaiHttp, http)
    )
    return answer.isRead ? whole(answer) : early(pull, answer)
  })

/**
 * The relay as an app for a route. A `POST` of the body of `/execute` runs the pinned flow with the key of this server,
 * if `authorize` allows it, and returns Noukai's answer.
 *
 * Fails with `InvalidRequestError` when the flow, the version or a limit is wrong.
 *
 * @example
 * ```ts
 * import * as Platform from "@effect-noukai/adapters/platform"
 * import { HttpRouter } from "@effect/platform"
 * import { Effect } from "effect"
 *
 * class NotLoggedIn {
 *   readonly status = 401
 *   readonly detail = "LOG_IN"
 * }
 *
 * const router = Effect.map(
 *   Platform.relay({
 *     flow: "noukai/samples/hello-world",
 *     authorize: (request) =>
 *       request.headers.authorization === undefined ? Effect.fail(new NotLoggedIn()) : Effect.succeed(true)
 *   }),
 *   (relay) => HttpRouter.empty.pipe(HttpRouter.post("/agent/execute", relay))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const relay = <E, R>(
  options: RelayOptions<E, R>
): Effect.Effect<HttpApp.Default<never, Exclude<R, NoukaiHttp> | Scope.Scope>, InvalidRequestError, NoukaiHttp> =>
  Effect.flatMap(
    NoukaiHttp,
    (http) => Either.map(Relay.make(options, http.defaults), (rules) => relayed(rules, http))
  )

/**
 * A tool that runs in the page. Its arguments and its results are checked on the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface PlatformClientTool {
  /** The description that the model reads. Default: none. */
  readonly description?: string | undefined
  /** The schema of an object whose fields are the arguments. Arguments that do not fit go back to the model. */
  readonly parameters: Schema.Schema.AnyNoContext
  /** The schema of the result. One that does not fit is a 400, and nothing is sent. */
  readonly result: Schema.Schema.AnyNoContext
}

/**
 * The options of {@link flowPage}. `V` is the verdict of `authorize`.
 *
 * @since 0.1.0
 * @category options
 */
export interface PlatformPageOptions<
  V extends Relay.Verdict,
  out AE = never,
  out AR = never,
  out IE = never,
  out IR = never,
  out TE = never,
  out TR = never
> extends Limits {
  /**
   * You pay for every run, so this function decides who may run the flow. It has no default. It is called for each request
   * and must not read the request's own body.
   *
   * `true` or an object, such as the user, allows the request. `false`, a failure and any other value refuse it with 403
   * `FORBIDDEN`. A failure with a `status` or `statusCode` from 400 to 599 is answered with that status, and its `detail`,
   * if that is a string, is the code. The caller never sees its message.
   */
  readonly authorize: (request: HttpServerRequest.HttpServerRequest, asked: PageRequest) => Effect.Effect<V, AE, AR>
  /** Returns the name of a caller, who alone finds its chats again: 1 to 256 characters. */
  readonly owner: (caller: Exclude<V, false>) => string
  /**
   * Makes the input of a run. All messages come from the page, those of the assistant too. A failure with a `status` is
   * answered as one of `authorize`. Default: the text of the last message.
   */
  readonly input?:
    | ((messages: ReadonlyArray<Message>, caller: Exclude<V, false>) => Effect.Effect<FlowInput, IE, IR>)
    | undefined
  /** Tools that run here. In a pause with tools of the page they run when the page has answered. */
  readonly serverTools?: Tools.ToolSet<TE, TR> | undefined
  /** Tools that run in the page, by their names. */
  readonly clientTools?: { readonly [name: string]: PlatformClientTool } | undefined
}

const pageNames: Names<PlatformPageOptions<Relay.Verdict>> = {
  ...limitNames,
  authorize: true,
  owner: true,
  input: true,
  serverTools: true,
  clientTools: true
}

const clientToolNames: Names<PlatformClientTool> = { description: true, parameters: true, result: true }

const noTools: Tools.ToolSet<never, never> = Tools.handle([], () => Effect.succeed([]))

const pageTools = <TE, TR>(
  { clientTools = {}, serverTools }: Pick<
    PlatformPageOptions<Relay.Verdict, never, never, never, never, TE, TR>,
    "clientTools" | "serverTools"
  >
): PageTools<TE, TR> => {
  const own = Object.entries(clientTools)
  return {
    server: serverTools ?? noTools,
    page: Tools.make(
      ...own.map(([name, { description, parameters }]) =>
        Tools.tool({ name, description, parameters, handler: () => Effect.succeed(null) })
      )
    ),
    results: new Map(own.map(([name, { result }]) => [name, result]))
  }
}

const pieceByPiece = ({ headers, leave, next, status }: StreamAnswer): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    Stream.repeatEffectOption(Effect.flatMap(
      next,
      Option.match({
        onNone: () => Effect.fail(Option.none()),
        onSome: (text) => Effect.succeed(encoder.encode(text))
      })
    )).pipe(Stream.ensuring(leave)),
    { status, headers, contentType: headers["content-type"] }
  )

const paged = <R>(
  page: Page<HttpServerRequest.HttpServerRequest, R | NoukaiHttp>,
  http: NoukaiHttp.Service
): HttpApp.Default<never, Exclude<R, NoukaiHttp> | Scope.Scope> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const pull = yield* bodyOf(request)
    const call = {
      request,
      method: request.method,
      url: request.originalUrl,
      header: (name: string) => request.headers[name],
      pull
    }
    const answering = yield* Effect.forkDaemon(
      Effect.interruptible(Effect.provideService(page(call), NoukaiHttp, http))
    )
    // a caller who leaves before the response does not leave a run behind
    const left = Effect.flatMap(Fiber.join(answering), (answer) => "next" in answer ? answer.leave : Effect.void)
    const answer = yield* Effect.interruptible(
      Effect.onInterrupt(Fiber.join(answering), () => Effect.forkDaemon(left))
    )
    if ("next" in answer) return pieceByPiece(answer)
    return answer.isRead ? whole(answer) : early(pull, answer)
  })

/**
 * A flow in a page, as an app for routes: `POST {api}` runs a turn, `GET {api}/{chat}/stream` shows it again,
 * `DELETE {api}/{chat}` cancels it. `useChat` of the AI SDK and `useFlow` of `@effect-noukai/promise/react` read it. `/Page`
 * describes the wire.
 *
 * Fails with `InvalidRequestError` when an option is wrong.
 *
 * @example
 * ```ts
 * import * as Platform from "@effect-noukai/adapters/platform"
 * import { HttpRouter } from "@effect/platform"
 * import { Effect } from "effect"
 *
 * declare const userOf: (authorization: string | undefined) => Effect.Effect<{ readonly id: string } | false>
 *
 * const router = Effect.map(
 *   Platform.flowPage({
 *     flow: "noukai/samples/two-step",
 *     authorize: (request) => userOf(request.headers.authorization),
 *     owner: (user) => user.id
 *   }),
 *   (page) => HttpRouter.empty.pipe(HttpRouter.all("/api/triage", page), HttpRouter.all("/api/triage/*", page))
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const flowPage = <
  V extends Relay.Verdict,
  AE = never,
  AR = never,
  IE = never,
  IR = never,
  TE = never,
  TR = never
>(
  options: PlatformPageOptions<V, AE, AR, IE, IR, TE, TR>
): Effect.Effect<
  HttpApp.Default<never, Exclude<AR | IR | TR, NoukaiHttp> | Scope.Scope>,
  InvalidRequestError,
  NoukaiHttp
> =>
  Effect.flatMap(NoukaiHttp, (http) =>
    Either.gen(function*() {
      yield* checkNames(options, pageNames)
      const { authorize, clientTools = {}, input, owner, serverTools, ...limits } = options
      yield* checkClientTools(clientTools, clientToolNames)
      const tools = pageTools({ clientTools, serverTools })
      return paged(handler(yield* made(limits, { authorize, owner, input }, tools, http.defaults)), http)
    }))
