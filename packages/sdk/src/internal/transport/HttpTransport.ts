/**
 * What carries bytes to Noukai and back. `NoukaiHttp` is the only caller; which implementation it gets is chosen by
 * the `#transport` condition of the package, or by `NoukaiHttp.layerHttpClient`.
 *
 * @internal
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Sent, TimeoutClock } from "../../NoukaiError.js"
import type { Progress } from "../input/callOptions.js"
import type { Pause } from "../time/clock.js"

/** @internal */
export type TransportClock = Extract<TimeoutClock, "connect" | "attempt" | "firstByte" | "idle">

/** @internal */
export interface TransportRequest {
  readonly method: "GET" | "POST"
  /** scheme, host and port: `https://api.noukai.xyz` */
  readonly origin: string
  /** path and query, already encoded: `/api/v1/seq/…` */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /** ms until the request is on a socket; `undefined`: no clock. Only where the transport can see it. */
  readonly connectTimeout: number | undefined
  readonly progress: Progress
}

/** @internal */
export interface SendRequest extends TransportRequest {
  /** ms for the whole attempt, body included; `undefined`: no clock. */
  readonly attemptTimeout: number | undefined
  /** bytes, decoded; a longer body fails with `BodyTooLarge`. */
  readonly maxBytes: number
}

/** @internal */
export interface OpenRequest extends TransportRequest {
  /** ms from the moment the request is on a socket to the first byte of the body; `undefined`: no clock. */
  readonly firstByteTimeout: number | undefined
  /** ms between two arrivals of bytes, while somebody waits for them; `undefined`: no clock. */
  readonly idleTimeout: number | undefined
}

/** @internal */
export interface TransportResponse {
  readonly status: number
  /** value of a header by its lower-case name; of a repeated one the first, or all joined by `, ` where `fetch` is below */
  readonly header: (name: string) => string | undefined
}

/** @internal */
export interface TextResponse extends TransportResponse {
  readonly text: string
}

/** @internal */
export interface StreamResponse extends TransportResponse {
  /**
   * The next bytes of the body. Fails with `None` at its clean end. Reading pauses the socket when bytes are not
   * taken (64 KiB), so memory stays bounded.
   */
  readonly pull: Effect.Effect<Uint8Array, Option.Option<TransportError>>
}

/** @internal */
export class ConnectionFailure extends Data.TaggedClass("ConnectionFailure")<{
  /** Short and safe to show: `connect ECONNREFUSED 127.0.0.1:1`. */
  readonly reason: string
  readonly sent: Sent
  /** The original error, free of request headers. */
  readonly cause: unknown
}> {}

/**
 * The transport is closed: this request ends with it, or was made after it.
 *
 * @internal
 */
export class TransportClosed extends Data.TaggedClass("TransportClosed")<{
  readonly sent: Sent
}> {}

/** @internal */
export class ClockExpired extends Data.TaggedClass("ClockExpired")<{
  readonly clock: TransportClock
  /** ms */
  readonly after: number
  readonly sent: Sent
}> {}

/** @internal */
export class BodyTooLarge extends Data.TaggedClass("BodyTooLarge")<{
  readonly maxBytes: number
  readonly status: number
}> {}

/**
 * The body has a content coding that nobody here knows or can take off.
 *
 * @internal
 */
export class BodyUndecodable extends Data.TaggedClass("BodyUndecodable")<{
  readonly coding: string
  readonly isKnown: boolean
  readonly status: number
}> {}

/** @internal */
export type TransportError = ConnectionFailure | TransportClosed | ClockExpired | BodyTooLarge | BodyUndecodable

/**
 * Never follows a redirect; a response of any status is a success here. Interruption closes the socket. With its scope it
 * fails what is under way and closes the sockets of that; after it nothing is sent.
 *
 * @internal
 */
export interface HttpTransport {
  /** Sends a request and reads the whole body; of an error, what comes of it in 5 s. */
  readonly send: (request: SendRequest) => Effect.Effect<TextResponse, TransportError>
  /** Sends a request and hands over the body as it arrives; the socket closes with the scope. */
  readonly open: (request: OpenRequest) => Effect.Effect<StreamResponse, TransportError, Scope.Scope>
  /** Sleeps, but not beyond the end of the transport. */
  readonly pause: Pause
}

/** @internal */
export interface TransportOptions {
  /** Node only: an undici `Dispatcher` (a proxy, a mock) to use instead of own connections; not closed by us. */
  readonly dispatcher: unknown
}

/**
 * What a `#transport` module exports as `make`.
 *
 * @internal
 */
export type MakeTransport = (options: TransportOptions) => Effect.Effect<HttpTransport, never, Scope.Scope>
