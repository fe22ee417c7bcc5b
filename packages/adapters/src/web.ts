/**
 * Middleware and relay for handlers from a `Request` to a `Response`: Next.js, Hono, Bun, Deno, Workers.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { Names } from "@effect-noukai/sdk/kit/names"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ErrorAnswer from "./ErrorAnswer.js"
import type { RelayHandlerOptions } from "./FlowRelay.js"
import { snapshot } from "./internal/asyncContext.js"
import { handledError } from "./internal/handledError.js"
import { type JsonAnswer, jsonAnswer } from "./internal/jsonAnswer.js"
import { clientNames, errorNames, refuseMisnamed, refuseNoHandler, refuseWithoutClient } from "./internal/names.js"
import type { StreamAnswer } from "./internal/page/handler.js"
import { promisePage } from "./internal/page/promisePage.js"
import { promiseRelay, unavailable } from "./internal/relay/promiseRelay.js"
import { declaresBody, linger } from "./internal/relay/readBody.js"
import { isExcluded, requestedSession } from "./internal/sessions/request.js"
import * as RequestScope from "./internal/sessions/requestScope.js"
import { type RequestBody, requestBody } from "./internal/web/requestBody.js"
import { responseOf, ScopedRequest } from "./internal/web/scopedRequest.js"
import { promiseReceiver } from "./internal/webhooks.js"
import type { PageHandlerOptions } from "./Page.js"
import type { Verdict } from "./Relay.js"
import * as ReplayAnswer from "./ReplayAnswer.js"
import * as SessionsOptions from "./SessionsOptions.js"
import type { WebhookOptions } from "./Webhooks.js"

/**
 * The parts of a request that are used.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebRequest {
  readonly url: string
  readonly method: string
  readonly headers: { get(name: string): string | null }
}

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

const encoder = new TextEncoder()

/**
 * A response to a request whose body has not been read to its end. All of it is sent at once with its length. For the
 * server it ends when the rest of the request has been read, up to a limit.
 */
const earlyResponse = (request: RequestBody, { body, headers, status }: JsonAnswer): Response => {
  const bytes = encoder.encode(body ?? "")
  const left = new AbortController()
  let isSent = false
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (!isSent) {
        isSent = true
        return controller.enqueue(bytes)
      }
      const isEnded = await Effect.runPromise(linger(request.pull), { signal: left.signal })
      controller.close()
      if (!isEnded) request.cancel()
    },
    cancel: () => left.abort()
  }, { highWaterMark: 0 })
  return new Response(stream, { status, headers: { ...headers, "content-length": String(bytes.length) } })
}

/** The response in place of the handler, which would have read the body. */
const refused = (request: WebRequest, answer: ReplayAnswer.ReplayAnswer): Response =>
  declaresBody((name) => request.headers.get(name))
    ? earlyResponse(requestBody(request), jsonAnswer(answer))
    : responseOf(answer)

/**
 * Wraps a handler so that each request has a scope, open until the response has been sent. A request with
 * `X-Noukai-Replay` is answered from that session if replay is on (`NOUKAI_REPLAY_ENABLED`); any other request is
 * captured under a new session. The response has the session's id in `X-Noukai-Session`. A replay error becomes a JSON
 * response. After the response has begun, it is logged instead.
 *
 * The returned handler throws every other error of the handler.
 *
 * @example
 * ```ts
 * import { sessions } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * const noukai = new Noukai()
 *
 * export const POST = sessions(async (request: Request) => {
 *   const done = await noukai.flow("noukai/samples/two-step").execute({
 *     message: await request.text(),
 *     signal: request.signal
 *   })
 *   return Response.json(done.status === "completed" ? done.result : { error: done.status })
 * }, { client: noukai })
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const sessions = <Request extends WebRequest = globalThis.Request, Rest extends ReadonlyArray<unknown> = []>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: Options
): (request: Request, ...rest: Rest) => Promise<Response> => {
  refuseNoHandler("sessions", handler)
  refuseWithoutClient("sessions", options, clientNames satisfies Names<Options>)
  return scoped(handler, options)
}

const scoped = <Request extends WebRequest, Rest extends ReadonlyArray<unknown>>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: Options
): (request: Request, ...rest: Rest) => Promise<Response> =>
async (request, ...rest) => {
  if (isExcluded(options.exclude, request.url)) return handler(request, ...rest)
  const within = snapshot()
  const id = requestedSession(request.headers.get(SessionsOptions.replayHeader))
  const opened = await run(options.client, Effect.either(RequestScope.openByHand(id, options)))
  return Either.isLeft(opened)
    ? refused(request, ReplayAnswer.fromOpening(opened.left))
    : new ScopedRequest(opened.right, options, within).handle(
      () => handler(request, ...rest),
      request.method === "HEAD"
    )
}

/**
 * The response to an error of the Promise client or of the sdk: 502, 503 with `Retry-After` if it is known, or 504,
 * without details (`ErrorAnswer.fromError`). `undefined` for any other error. For servers that take a function from an
 * error to a response, such as Hono.
 *
 * @example
 * ```ts
 * import { errorResponse } from "@effect-noukai/adapters/web"
 * import { Hono } from "hono"
 * import { HTTPException } from "hono/http-exception"
 *
 * const app = new Hono()
 * app.onError((error, context) => {
 *   if (error instanceof HTTPException) return error.getResponse()
 *   return errorResponse(error) ?? context.text("Internal Server Error", 500)
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const errorResponse = (error: unknown, options: ErrorAnswer.Options = {}): Response | undefined => {
  refuseMisnamed("errorResponse", options, errorNames)
  const answer = handledError(error, options)
  return answer === undefined ? undefined : new Response(answer.body, answer)
}

/**
 * Wraps a handler so that it answers an error of the Promise client or of the sdk as {@link errorResponse} does. The
 * returned handler throws every other error, such as a redirect of Next.js.
 *
 * @example
 * ```ts
 * import { withErrorHandler } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * const noukai = new Noukai()
 *
 * export const POST = withErrorHandler(async (request: Request) => {
 *   const done = await noukai.flow("noukai/samples/two-step").execute({ message: await request.text() })
 *   return Response.json(done.status === "completed" ? done.result : { error: done.status })
 * })
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const withErrorHandler = <Args extends ReadonlyArray<unknown>>(
  handler: (...args: Args) => Response | Promise<Response>,
  options: ErrorAnswer.Options = {}
): (...args: Args) => Promise<Response> => {
  refuseNoHandler("withErrorHandler", handler)
  refuseMisnamed("withErrorHandler", options, errorNames)
  return async (...args) => {
    try {
      return await handler(...args)
    } catch (error) {
      const response = errorResponse(error, options)
      if (response === undefined) throw error
      return response
    }
  }
}

/**
 * Receives webhooks of jobs: verifies a delivery, and calls `onEvent` once for it. `event.job` is the key of the job in the
 * address, by which `nudges` finds who waits for it. Throws an `InvalidRequestError` when an option is wrong, such as
 * an empty secret.
 *
 * A `POST` of the service is answered with 200. A delivery that is not signed, or too old, is a 401; one that is handled at
 * this moment a 409; where `onEvent` failed, or the bytes were read before this handler, a 500.
 *
 * @example
 * ```ts
 * import { webhooks } from "@effect-noukai/adapters/web"
 * import { nudges } from "@effect-noukai/sdk/Webhook"
 *
 * export const inbox = nudges()
 *
 * export const POST = webhooks({
 *   secrets: [process.env.NOUKAI_WEBHOOK_SECRET, process.env.NOUKAI_WEBHOOK_SECRET_OLD],
 *   onEvent: inbox.onEvent
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const webhooks = (options: WebhookOptions): (request: Request) => Promise<Response> => {
  const answers = promiseReceiver(options)
  return async (request) => {
    const body = requestBody(request)
    const answer = await answers({
      method: request.method,
      url: request.url,
      header: (name) => request.headers.get(name),
      body: request.bodyUsed ? undefined : body.pull
    })
    return answer.isRead ? new Response(answer.body ?? null, answer) : earlyResponse(body, answer)
  }
}

/**
 * The options of {@link relay}.
 *
 * @since 0.1.0
 * @category options
 */
export type RelayOptions<Request extends globalThis.Request = globalThis.Request> = RelayHandlerOptions<Request>

/**
 * The relay as a handler. A `POST` of the body of `/execute` runs the pinned flow with the client's key, if `authorize`
 * allows it, and returns Noukai's answer.
 *
 * Throws an `InvalidRequestError` when the flow, the version or a limit is wrong.
 *
 * @example
 * ```ts
 * import { relay } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * declare const isLoggedIn: (request: Request) => Promise<boolean>
 *
 * export const POST = relay({ client: new Noukai(), flow: "noukai/samples/hello-world", authorize: isLoggedIn })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const relay = <Request extends globalThis.Request = globalThis.Request>(
  options: RelayOptions<Request>
): (request: Request) => Promise<Response> => {
  const rules = promiseRelay(options)
  const { client } = options
  return async (request) => {
    const requested = requestBody(request)
    const call = {
      request: { request, within: snapshot() },
      method: request.method,
      header: (name: string) => request.headers.get(name) ?? undefined,
      pull: requested.pull
    }
    try {
      const answer = await run(client, rules(call), { signal: request.signal })
      return answer.isRead ? new Response(answer.body ?? null, answer) : earlyResponse(requested, answer)
    } catch (error) {
      // the caller has left
      if (request.signal.aborted) throw error
      return earlyResponse(requested, unavailable)
    }
  }
}

/**
 * The options of {@link flowPage}.
 *
 * @since 0.1.0
 * @category options
 */
export type PageOptions<Request extends globalThis.Request, V extends Verdict> = PageHandlerOptions<Request, V>

/**
 * The handlers of a page. They are one function, which looks at the method of the request.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowPage<in Request> {
  /** Runs a turn, or takes the results of tools. */
  readonly POST: (request: Request) => Promise<Response>
  /** Shows the newest turn of a chat again. */
  readonly GET: (request: Request) => Promise<Response>
  /** Cancels the turn that is under way. */
  readonly DELETE: (request: Request) => Promise<Response>
}

/** A response whose text is pulled. It ends the stream when the caller has left. */
const streamed = ({ headers, leave, next, status }: StreamAnswer, signal: AbortSignal): Response => {
  const left = () => void Effect.runFork(leave)
  if (signal.aborted) left()
  signal.addEventListener("abort", left, { once: true })
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const text = await Effect.runPromise(next)
      if (Option.isSome(text)) return controller.enqueue(encoder.encode(text.value))
      signal.removeEventListener("abort", left)
      controller.close()
    },
    cancel: left
  }, { highWaterMark: 0 })
  return new Response(body, { status, headers })
}

/**
 * A flow in a page, for `useChat` of the AI SDK and `useFlow` of `@effect-noukai/promise/react`: `POST {api}` runs a turn,
 * `GET {api}/{chat}/stream` shows it again, `DELETE {api}/{chat}` cancels it. Each run is billed to you, so `authorize` has
 * no default. `/Page` describes the wire.
 *
 * Throws an `InvalidRequestError` when an option is wrong.
 *
 * @example
 * ```ts
 * import { flowPage } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * declare const userOf: (request: Request) => Promise<{ readonly id: string } | false>
 *
 * export const { DELETE, GET, POST } = flowPage({
 *   client: new Noukai(),
 *   flow: "noukai/samples/two-step",
 *   authorize: (request) => userOf(request),
 *   owner: (user) => user.id
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const flowPage = <V extends Verdict, Request extends globalThis.Request = globalThis.Request>(
  options: PageOptions<Request, V>
): FlowPage<Request> => {
  const answers = promisePage(options)
  const handle = async (request: Request): Promise<Response> => {
    const requested = requestBody(request)
    const answer = await answers({
      request,
      method: request.method,
      url: request.url,
      header: (name) => request.headers.get(name) ?? undefined,
      pull: requested.pull
    })
    if ("next" in answer) return streamed(answer, request.signal)
    return answer.isRead ? new Response(answer.body ?? null, answer) : earlyResponse(requested, answer)
  }
  return { POST: handle, GET: handle, DELETE: handle }
}
