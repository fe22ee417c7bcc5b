/**
 * The transport over a given platform `HttpClient`: for proxies, custom certificates, fakes. It sees as little as `fetch`
 * does: no connect clock, the first-byte clock starts with the call, `sent` is `"unknown"` until there is a response.
 *
 * @internal
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { monotonic } from "../time/monotonic.js"
import { concat } from "./bytes.js"
import { connectionFailure } from "./connectionFailure.js"
import type {
  HttpTransport,
  OpenRequest,
  SendRequest,
  StreamResponse,
  TextResponse,
  TransportClock,
  TransportError,
  TransportRequest,
  TransportResponse
} from "./HttpTransport.js"
import { BodyTooLarge, ClockExpired, ConnectionFailure } from "./HttpTransport.js"
import { redirectStatus } from "./redirect.js"

const clientRequest = (
  { body, headers, method, origin, path }: TransportRequest
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.make(method)(origin + path, { headers }).pipe((request) =>
    body === undefined ? request : HttpClientRequest.setBody(request, HttpBody.text(body, contentType(headers)))
  )

const contentType = (headers: Record<string, string>): string =>
  Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "application/json"

/** Fails with the platform's error made safe: it carries the whole request. */
const failure = (request: TransportRequest) => (error: HttpClientError): TransportError => {
  const neverSent = error._tag === "RequestError" && error.reason !== "Transport"
  return connectionFailure(error, neverSent ? "no" : request.progress.sent, request.headers)
}

const expired = (request: TransportRequest, clock: TransportClock, after = 0) => (): TransportError =>
  new ClockExpired({ clock, after, sent: request.progress.sent })

const transportResponse = (response: HttpClientResponse): TransportResponse => ({
  status: redirectStatus(response.status),
  header: (name) => response.headers[name]
})

/** A client that filters statuses has the response in its error. */
const unfiltered = (error: HttpClientError): Effect.Effect<HttpClientResponse, HttpClientError> =>
  error._tag === "ResponseError" && error.reason === "StatusCode" ? Effect.succeed(error.response) : Effect.fail(error)

const withoutRedirects = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) =>
    Context.add(context, FetchHttpClient.RequestInit, {
      ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
      redirect: "manual"
    }))

/** The response's head. Its connection lives as long as the scope. */
const execute = (
  client: HttpClient.HttpClient.With<HttpClientError, Scope.Scope>,
  request: TransportRequest
): Effect.Effect<HttpClientResponse, TransportError, Scope.Scope> =>
  Effect.suspend(() => {
    request.progress.sent = "unknown"
    return client.execute(clientRequest(request))
  }).pipe(
    Effect.catchAll(unfiltered),
    // The platform's span would hold the response, and with it the request and the key; ours say what matters.
    Effect.locally(HttpClient.currentTracerDisabledWhen, () => true),
    withoutRedirects,
    Effect.tap(() =>
      Effect.sync(() => {
        request.progress.sent = "yes"
      })
    ),
    Effect.mapError(failure(request)),
    // Node's client throws on a header that it cannot send.
    Effect.catchAllDefect((defect) => Effect.fail(connectionFailure(defect, request.progress.sent, request.headers)))
  )

const body = (
  request: TransportRequest,
  response: HttpClientResponse
): Stream.Stream<Uint8Array, TransportError> =>
  response.stream.pipe(
    Stream.catchAll((error) =>
      error._tag === "ResponseError" && error.reason === "EmptyBody" ? Stream.empty : Stream.fail(error)
    ),
    Stream.mapError(failure(request)),
    Stream.filter((bytes) => bytes.length > 0)
  )

const readText = (
  request: SendRequest,
  response: HttpClientResponse
): Effect.Effect<TextResponse, TransportError> =>
  Effect.suspend(() => {
    const { header, status } = transportResponse(response)
    const { maxBytes } = request
    const tooLarge = Effect.fail(new BodyTooLarge({ maxBytes, status }))
    if (header("content-encoding") === undefined && Number(header("content-length")) > maxBytes) {
      return tooLarge
    }
    const text = new TextDecoder()
    let size = 0
    let decoded = ""
    return body(request, response).pipe(
      Stream.runForEach((bytes) => {
        size += bytes.length
        if (size > maxBytes) {
          return tooLarge
        }
        decoded += text.decode(bytes, { stream: true })
        return Effect.void
      }),
      Effect.map(() => ({ status, header, text: decoded + text.decode() }))
    )
  })

const joined = (chunk: Chunk.Chunk<Uint8Array>): Uint8Array =>
  concat(Chunk.toReadonlyArray(chunk), Chunk.reduce(chunk, 0, (size, bytes) => size + bytes.length))

/** A clock around a step of an exchange; without a time it is none. */
const within =
  <E2>(left: number | undefined, onTimeout: () => E2) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    left === undefined ? self : Effect.timeoutFail(self, { duration: left, onTimeout })

type ScopedClient = HttpClient.HttpClient.With<HttpClientError, Scope.Scope>

const send = (client: ScopedClient, request: SendRequest): Effect.Effect<TextResponse, TransportError> =>
  execute(client, request).pipe(
    Effect.flatMap((response) => readText(request, response)),
    Effect.scoped,
    within(request.attemptTimeout, expired(request, "attempt", request.attemptTimeout))
  )

type Pulled = Effect.Effect<Uint8Array, Option.Option<TransportError>>

/** Opens a response in `scope`, which it closes when the response fails. */
const openIn = Effect.fnUntraced(function*(client: ScopedClient, request: OpenRequest, scope: Scope.CloseableScope) {
  const { firstByteTimeout, idleTimeout } = request
  const firstByteExpired = expired(request, "firstByte", firstByteTimeout)
  const began = yield* monotonic
  const response = yield* execute(client, request).pipe(within(firstByteTimeout, firstByteExpired))
  const spent = (yield* monotonic) - began

  const source = yield* Stream.toPull(body(request, response))
  const bytes: Pulled = Effect.flatMap(source, (chunk) => Chunk.isEmpty(chunk) ? bytes : Effect.succeed(joined(chunk)))
  let ended: Option.Option<TransportError> | undefined = undefined
  const next = (left: number | undefined, onTimeout: () => TransportError): Pulled =>
    bytes.pipe(
      within(left, () => Option.some(onTimeout())),
      Effect.tapError((end) => {
        ended = end
        return Option.isSome(end) ? Scope.close(scope, Exit.void) : Effect.void
      })
    )

  // The first-byte clock has to see the first bytes, whether or not somebody asked for them.
  const first = yield* next(
    firstByteTimeout === undefined ? undefined : Math.max(firstByteTimeout - spent, 0),
    firstByteExpired
  ).pipe(Effect.forkIn(scope))
  let pending: Pulled | undefined = Effect.tap(Fiber.join(first), () => {
    pending = undefined
  })
  const following = next(idleTimeout, expired(request, "idle", idleTimeout))
  const pull: Pulled = Effect.suspend(() => ended === undefined ? pending ?? following : Effect.fail(ended))
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      ended ??= Option.some(
        new ConnectionFailure({ reason: "the response is closed", sent: request.progress.sent, cause: undefined })
      )
    })
  )
  return { ...transportResponse(response), pull }
})

const open = (
  client: ScopedClient,
  request: OpenRequest
): Effect.Effect<StreamResponse, TransportError, Scope.Scope> =>
  Effect.flatMap(
    Effect.scope,
    (outer) =>
      Effect.flatMap(Scope.fork(outer, ExecutionStrategy.sequential), (scope) =>
        openIn(client, request, scope).pipe(
          Scope.extend(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        ))
  )

/**
 * Redirects are not followed over the platform's `fetch` client; a client that was made to follow them does. Its spans
 * show no header that could hold a secret, and no tracing headers are sent.
 *
 * @internal
 */
export const fromHttpClient = (client: HttpClient.HttpClient): HttpTransport => {
  const scoped = HttpClient.withScope(client)
  return {
    send: (request) => send(scoped, request),
    open: (request) => open(scoped, request)
  }
}
