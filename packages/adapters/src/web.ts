/**
 * For handlers from a `Request` to a `Response`: Next.js, Hono, Bun, Deno, Workers.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import { snapshot } from "./internal/asyncContext.js"
import { type InContext, promiseAuthorize } from "./internal/relay/promiseAuthorize.js"
import type { Pull } from "./internal/relay/readBody.js"
import { promiseHook } from "./internal/trace/promiseHook.js"
import { isExcluded, requestedSession } from "./internal/trace/request.js"
import * as RequestScope from "./internal/trace/requestScope.js"
import { type Coming, peekBody } from "./internal/web/peekBody.js"
import * as Relay from "./Relay.js"
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

const answered = ({ body, status }: ReplayAnswer.ReplayAnswer): Response => Response.json(body, { status })

const exposeHeader = "access-control-expose-headers"

type BodyOf = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null

const withSession = (
  response: Response,
  body: BodyOf,
  sessionId: string,
  options: Options
): Response => {
  const headers = new Headers(response.headers)
  headers.set(TraceOptions.sessionHeader, sessionId)
  if (options.exposeSession === true) headers.append(exposeHeader, TraceOptions.sessionHeader)
  return new Response(body, { status: response.status, statusText: response.statusText, headers })
}

/** What a response cannot be made of again: an upgrade, a network error. */
const isBare = ({ status }: Response): boolean => status < 200

const streamOf = (body: Coming, ended: (isWell: boolean) => Promise<void>): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const piece = await body.next().catch(async (error: unknown) => {
        await ended(false)
        throw error
      })
      if (piece !== undefined) return controller.enqueue(piece)
      await ended(true)
      controller.close()
    },
    cancel: async (reason) => {
      await ended(false)
      await body.cancel(reason)
    }
  }, { highWaterMark: 0 })

class ScopedRequest {
  constructor(
    private readonly scope: RequestScope.Opened,
    private readonly options: Options,
    private readonly within: <A>(f: () => A) => A
  ) {}

  private readonly inScope = <A>(f: () => A): A => this.within(() => TraceScope.runIn(this.scope.scope, f))

  /** `undefined` when the client has been closed. */
  private run<A>(effect: Effect.Effect<A>): Promise<A | undefined> {
    return run(this.options.client, effect).catch(() => undefined)
  }

  private named(response: Response, body: BodyOf = response.body): Response {
    return withSession(response, body, this.scope.scope.sessionId, this.options)
  }

  /** What the response has to be instead, if it has to; the scope ends. */
  private async instead(status: number): Promise<Response | undefined> {
    const answer = await this.run(Effect.zipLeft(this.scope.answerInstead(status), this.scope.close))
    return answer === undefined ? undefined : this.named(answered(answer))
  }

  /** A body that comes piece by piece belongs to the scope while it comes, and to the replay until it has ended. */
  private streamed(response: Response, body: Coming): Response {
    const { options, scope } = this
    const hook = promiseHook(options.onReplayError)
    const ended = async (isWell: boolean): Promise<void> => {
      const report = Effect.flatMap(
        scope.problem(isWell ? response.status : 500),
        (error) => error === undefined ? Effect.void : RequestScope.report(error, hook)
      )
      await this.run(Effect.zipRight(report, scope.close))
    }
    return this.named(response, streamOf(body, ended))
  }

  /** Whatever comes of the handler, the scope ends. */
  async handle(handler: () => Response | Promise<Response>, isHead: boolean): Promise<Response> {
    try {
      return await this.respond(handler, isHead)
    } catch (error) {
      await this.run(this.scope.close)
      throw error
    }
  }

  private async respond(handler: () => Response | Promise<Response>, isHead: boolean): Promise<Response> {
    let response: Response
    try {
      response = await this.inScope(handler)
    } catch (error) {
      const answer = ReplayAnswer.fromError(error)
      const instead = await this.instead(500)
      if (answer !== undefined) return this.named(answered(answer))
      if (instead !== undefined) return instead
      throw error
    }
    if (isBare(response)) {
      await this.run(this.scope.close)
      return response
    }
    if (response.body === null || isHead) {
      // whether it lets go is not ours to wait for
      response.body?.cancel().catch(() => undefined)
      return await this.instead(response.status) ?? this.named(response, null)
    }
    const body = await peekBody(response.body, this.inScope)
    return body.isWhole
      ? await this.instead(response.status) ?? this.named(response, body.bytes)
      : this.streamed(response, body)
  }
}

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
 *   const done = await noukai.flow("acme/support/answer").execute({
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
    ? answered(ReplayAnswer.fromOpening(opened.left))
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
   * Whatever it throws, and `false`, is 403 `FORBIDDEN`. An error with a `status` or `statusCode` from 400 to 599 is
   * that status, and its `detail` is shown to the caller if it is a string; its message never is.
   */
  readonly authorize: (request: Request, body: Relay.Body) => unknown
}

const nothing: Pull = Effect.fail(Option.none())

const broken: Pull = Effect.fail(Option.some("broken"))

/** A body that is not read to its end is left to the server: to cancel it may cut off the answer. */
const bodyOf = ({ body, bodyUsed }: globalThis.Request): Pull => {
  if (body === null) return nothing
  if (bodyUsed || body.locked) return broken
  const reader = body.getReader()
  return Effect.flatMap(
    Effect.tryPromise({ try: () => reader.read(), catch: () => Option.some("broken") }),
    ({ value }): Pull => value === undefined ? nothing : Effect.succeed(Chunk.of(value))
  )
}

/**
 * The relay as a handler (contract 13.2): a `POST` of the body of `/execute` runs the pinned flow with the client's key,
 * if `authorize` lets it, and is answered what Noukai answers.
 *
 * Throws an `InvalidRequestError` when the flow, the version or `timeout` is wrong.
 *
 * @example
 * ```ts
 * import { relay } from "@effect-noukai/adapters/web"
 * import { Noukai } from "@effect-noukai/promise"
 *
 * declare const isLoggedIn: (request: Request) => Promise<boolean>
 *
 * export const POST = relay({ client: new Noukai(), flow: "acme/support/agent", authorize: isLoggedIn })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const relay = <Request extends globalThis.Request = globalThis.Request>(
  options: RelayOptions<Request>
): (request: Request) => Promise<Response> => {
  const { authorize, client, ...limits } = options
  const rules: Relay.Relay<InContext<Request>, NoukaiHttp> = Either.getOrThrowWith(
    Relay.make(
      { ...limits, authorize: promiseAuthorize(authorize) },
      { org: client.defaultOrg, project: client.defaultProject }
    ),
    identity
  )
  return async (request) => {
    const call = {
      request: { request, within: snapshot() },
      method: request.method,
      header: (name: string) => request.headers.get(name) ?? undefined,
      pull: bodyOf(request)
    }
    try {
      const { body, headers, status } = await run(client, rules(call), { signal: request.signal })
      return new Response(body ?? null, { status, headers })
    } catch (error) {
      // nobody is there to be answered
      if (request.signal.aborted) throw error
      return Response.json({ detail: "UPSTREAM_UNAVAILABLE" }, { status: 502 })
    }
  }
}
