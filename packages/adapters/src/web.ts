/**
 * For handlers from a `Request` to a `Response`: Next.js, Hono, Bun, Deno, Workers.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { snapshot } from "./internal/asyncContext.js"
import { jsonAnswer } from "./internal/jsonAnswer.js"
import { promiseRelay, unavailable } from "./internal/relay/promiseRelay.js"
import { declaresBody } from "./internal/relay/readBody.js"
import { isExcluded, requestedSession } from "./internal/trace/request.js"
import * as RequestScope from "./internal/trace/requestScope.js"
import { earlyResponse } from "./internal/web/earlyResponse.js"
import { requestBody } from "./internal/web/requestBody.js"
import { answered, ScopedRequest } from "./internal/web/scopedRequest.js"
import type * as Relay from "./Relay.js"
import * as ReplayAnswer from "./ReplayAnswer.js"
import * as TraceOptions from "./TraceOptions.js"

/**
 * What is used of a request.
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
 * The options of {@link trace}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends TraceOptions.TraceOptions {
  /** Fetches the sessions that are replayed. The runs of every client belong to the scope. */
  readonly client: Noukai
  /** Told what went wrong with a replay whose response had begun, beside a warning in the log. Default: nobody. */
  readonly onReplayError?: ((error: ReplayError) => void) | undefined
}

/** What is answered in place of the handler, that the request's body was for. */
const refused = (request: WebRequest, answer: ReplayAnswer.ReplayAnswer): Response =>
  declaresBody((name) => request.headers.get(name))
    ? earlyResponse(requestBody(request), jsonAnswer(answer))
    : answered(answer)

/**
 * A handler whose every request has a scope (contract 10.8), open until the response has been sent. A request with
 * `X-Noukai-Replay` is answered from that session if replay is on (`NOUKAI_REPLAY_ENABLED`); any other one is captured
 * under a new session. The response says which in `X-Noukai-Session`. What goes wrong with a replay is a JSON response of
 * contract 10.8 unless the response has begun; then it is logged.
 *
 * What the handler throws beside that, the returned handler throws too.
 *
 * @example
 * ```ts
 * import { trace } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * const noukai = new Noukai()
 *
 * export const POST = trace(async (request: Request) => {
 *   const done = await noukai.flow("noukai/samples/two-step").execute({
 *     message: await request.text(),
 *     signal: request.signal
 *   })
 *   return Response.json(done.result)
 * }, { client: noukai })
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const trace = <Request extends WebRequest = globalThis.Request, Rest extends ReadonlyArray<unknown> = []>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: Options
): (request: Request, ...rest: Rest) => Promise<Response> =>
async (request, ...rest) => {
  if (isExcluded(options.exclude, request.url)) return handler(request, ...rest)
  const within = snapshot()
  const id = requestedSession(request.headers.get(TraceOptions.replayHeader))
  const opened = await run(options.client, Effect.either(RequestScope.openByHand(id, options)))
  return Either.isLeft(opened)
    ? refused(request, ReplayAnswer.fromOpening(opened.left))
    : new ScopedRequest(opened.right, options, within).handle(
      () => handler(request, ...rest),
      request.method === "HEAD"
    )
}

/**
 * The options of {@link relay}.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayOptions<Request extends globalThis.Request = globalThis.Request> extends Relay.Limits {
  /** Has the key. */
  readonly client: Noukai
  /**
   * Who may run the flow, and with what: every run is on your bill. It sees the whole body, which is what goes to
   * Noukai: `blockOverrides` too. Do not read the request's own body.
   *
   * `true` or an object, such as the user, lets a caller pass. All else is 403 `FORBIDDEN`: `false`, whatever it throws,
   * and what neither lets pass nor refuses, such as `undefined`, about which there is a warning. An error with a `status`
   * or `statusCode` from 400 to 599 is that status, and its `detail` is shown to the caller if it is a string; its
   * message never is.
   */
  readonly authorize: (request: Request, body: Relay.Body) => Relay.Verdict | PromiseLike<Relay.Verdict>
}

/**
 * The relay as a handler (contract 13.2): a `POST` of the body of `/execute` runs the pinned flow with the client's key,
 * if `authorize` lets it, and is answered what Noukai answers.
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
  const { client } = options
  const rules = promiseRelay(options)
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
      // nobody is there to be answered
      if (request.signal.aborted) throw error
      return earlyResponse(requested, unavailable)
    }
  }
}
