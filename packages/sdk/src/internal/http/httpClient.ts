/**
 * The transport over a given platform `HttpClient`, for proxies, custom certificates and fakes. As over `fetch`, there is
 * no connect clock, the first-byte clock starts with the call, and `sent` is `"unknown"` until there is a response.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Receiver, transportOver, type Wire } from "./exchange.js"
import { type HttpTransport, redirectStatus, type TransportRequest } from "./HttpTransport.js"

const clientRequest = (
  { body, headers, method, origin, path }: TransportRequest
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(method)(origin + path, { headers }).pipe((request) =>
    body === undefined ? request : HttpClientRequest.setBody(request, HttpBody.text(body, headers["content-type"]))
  )

/** The response in the error of a client that filters statuses. */
const unfiltered = (
  error: HttpClientError.HttpClientError
): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError> =>
  error._tag === "ResponseError" && error.reason === "StatusCode" ? Effect.succeed(error.response) : Effect.fail(error)

const withoutRedirects = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) =>
    Context.add(context, FetchHttpClient.RequestInit, {
      ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
      redirect: "manual"
    }))

type ScopedClient = HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>

type ExchangeEffect = Effect.Effect<void, HttpClientError.HttpClientError>

type ExchangeFiber = Fiber.RuntimeFiber<void, HttpClientError.HttpClientError>

/** The response's head. Its connection lives as long as the scope. */
const head = (
  client: ScopedClient,
  request: TransportRequest
): Effect.Effect<HttpClientResponse, HttpClientError.HttpClientError, Scope.Scope> =>
  Effect.suspend(() => client.execute(clientRequest(request))).pipe(
    Effect.catchAll(unfiltered),
    // the platform's span would hold the response, and with it the request and the key
    Effect.locally(HttpClient.currentTracerDisabledWhen, () => true),
    withoutRedirects
  )

/** The body of a response, which may be empty. */
const body = (response: HttpClientResponse): Stream.Stream<Uint8Array, HttpClientError.HttpClientError> =>
  Stream.catchAll(
    response.stream,
    (error) => error._tag === "ResponseError" && error.reason === "EmptyBody" ? Stream.empty : Stream.fail(error)
  )

/** Whether the request could not be made, so that nothing left. */
const neverSent = (error: unknown): boolean =>
  error instanceof HttpClientError.RequestError && error.reason !== "Transport"

/** An exchange on a fiber of its own, so that it can be closed and paused from outside. */
class HttpClientWire implements Wire {
  private fiber: ExchangeFiber | undefined = undefined
  private aborted = false
  private readonly flow = Effect.unsafeMakeLatch(true)

  constructor(
    private readonly client: ScopedClient,
    private readonly run: (exchange: ExchangeEffect) => ExchangeFiber
  ) {}

  start(receiver: Receiver, request: TransportRequest): void {
    receiver.onSocket()
    const exchange = head(this.client, request).pipe(
      Effect.tap((response) =>
        Effect.sync(() => receiver.onHead(redirectStatus(response.status), (name) => response.headers[name]))
      ),
      Effect.flatMap((response) => Stream.runForEach(body(response), (bytes) => this.give(receiver, bytes))),
      Effect.scoped
    )
    const fiber = this.run(exchange)
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) return receiver.onEnd()
      const error = Cause.squash(exit.cause)
      receiver.onError(error, neverSent(error) ? "no" : undefined)
    })
    // a client that answers from memory may have done so by now
    if (this.aborted) this.abort()
  }

  private give(receiver: Receiver, bytes: Uint8Array): Effect.Effect<void> {
    receiver.onBody(bytes)
    return this.flow.await
  }

  abort(): void {
    this.aborted = true
    this.fiber?.unsafeInterruptAsFork(FiberId.none)
  }

  pause(): void {
    this.flow.unsafeClose()
  }

  resume(): void {
    this.flow.unsafeOpen()
  }
}

/**
 * The transport over a client. Redirects are not followed over the platform's `fetch` client; a client that was made to
 * follow them does. Its spans show no header that could hold a secret, and no tracing headers are sent.
 */
export const fromHttpClient = (client: HttpClient.HttpClient): Effect.Effect<HttpTransport, never, Scope.Scope> => {
  const scoped = HttpClient.withScope(client)
  return Effect.flatMap(
    // the sockets are closed when these fibers have ended
    FiberSet.make<void, HttpClientError.HttpClientError>(),
    (underWay) =>
      transportOver((caller) =>
        new HttpClientWire(scoped, (exchange) => {
          const fiber = Runtime.runFork(
            Runtime.make({
              context: caller.currentContext,
              fiberRefs: caller.getFiberRefs(),
              runtimeFlags: Runtime.defaultRuntimeFlags
            })
          )(exchange)
          FiberSet.unsafeAdd(underWay, fiber)
          return fiber
        })
      )
  )
}

/** The transport over the client of the context. */
export const make: Effect.Effect<HttpTransport, never, HttpClient.HttpClient | Scope.Scope> = Effect.flatMap(
  HttpClient.HttpClient,
  fromHttpClient
)
