/**
 * The carrier of bytes to Noukai and back. `NoukaiHttp` is the only caller; its implementation is chosen by the
 * `#transport` condition of the package, or by `NoukaiHttp.layerHttpClient`.
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Sent, TimeoutClock } from "../../NoukaiError.js"
import type { OnClose } from "../core/streamPull.js"
import type { Pause } from "../core/time.js"
import type { Progress } from "../options/callOptions.js"

export type TransportClock = Extract<TimeoutClock, "connect" | "attempt" | "firstByte" | "idle">

export interface TransportRequest {
  readonly method: "GET" | "POST"
  /** Scheme, host and port: `https://api.noukai.xyz`. */
  readonly origin: string
  /** Path and query, already encoded: `/api/v1/seq/…`. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /** Milliseconds until the request is on a socket; `undefined`: no clock. Only where the transport can see it. */
  readonly connectTimeout: number | undefined
  /** Milliseconds for the whole attempt, body included; `undefined`: no clock. */
  readonly attemptTimeout?: number | undefined
  readonly progress: Progress
}

export interface SendRequest extends TransportRequest {
  /** Bytes, decoded; a longer body fails with `BodyTooLarge`. */
  readonly maxBytes: number
}

export interface OpenRequest extends TransportRequest {
  /** Milliseconds from the moment the request is on a socket to the first byte of the body; `undefined`: no clock. */
  readonly firstByteTimeout?: number | undefined
  /** Milliseconds between two arrivals of bytes, while a pull waits for them; `undefined`: no clock. */
  readonly idleTimeout?: number | undefined
}

export interface TransportResponse {
  readonly status: number
  /** The value of a header by its lower-case name; of a repeated one the first, or all joined by `, ` over `fetch`. */
  readonly header: (name: string) => string | undefined
}

export interface TextResponse extends TransportResponse {
  readonly text: string
}

export interface StreamResponse extends TransportResponse {
  /**
   * The next bytes of the body, in the parts in which they came. Fails with `None` at its clean end. Reading pauses the
   * socket when bytes are not taken (64 KiB), so memory stays bounded.
   */
  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array>, Option.Option<TransportError>>
  /**
   * Notes that only the end of the body is needed. Closing the response then reads to that end, at most 64 KiB and
   * 100 ms, so that the connection can be used again.
   */
  readonly complete: () => void
}

export class ConnectionFailure extends Data.TaggedClass("ConnectionFailure")<{
  /** A short text that is safe to show: `connect ECONNREFUSED 127.0.0.1:1`. */
  readonly reason: string
  readonly sent: Sent
  /** The original error, free of request headers. */
  readonly cause: unknown
}> {}

/** The transport was closed before the request, or while it was in flight. */
export class TransportClosed extends Data.TaggedClass("TransportClosed")<{
  readonly sent: Sent
}> {}

export class ClockExpired extends Data.TaggedClass("ClockExpired")<{
  readonly clock: TransportClock
  /** Milliseconds. */
  readonly after: number
  readonly sent: Sent
}> {}

export class BodyTooLarge extends Data.TaggedClass("BodyTooLarge")<{
  readonly maxBytes: number
  readonly status: number
}> {}

/** The body has a content coding that is unknown or cannot be decoded. */
export class BodyUndecodable extends Data.TaggedClass("BodyUndecodable")<{
  readonly coding: string
  readonly isKnown: boolean
  readonly status: number
}> {}

export type TransportError = ConnectionFailure | TransportClosed | ClockExpired | BodyTooLarge | BodyUndecodable

/**
 * Sends requests. Never follows a redirect; a response of any status is a success here. Interruption closes the socket.
 * Closing its scope fails the requests in flight and closes their sockets; after that nothing is sent.
 */
export interface HttpTransport {
  /** Sends a request and reads the whole body; of an error, the part that comes in 5 s. */
  readonly send: (request: SendRequest) => Effect.Effect<TextResponse, TransportError>
  /** Sends a request and hands over the body as it arrives. `onClose` is given the closing of its socket. */
  readonly open: (request: OpenRequest, onClose: OnClose) => Effect.Effect<StreamResponse, TransportError>
  /** Sleeps until the time is over or the transport is closed. */
  readonly pause: Pause
}

export interface TransportOptions {
  /** An undici `Dispatcher` (a proxy, a mock), on Node, in place of own connections; it is not closed. */
  readonly dispatcher?: unknown
}

/** The export `make` of a `#transport` module. */
export type MakeTransport = (options: TransportOptions) => Effect.Effect<HttpTransport, never, Scope.Scope>

/**
 * The time to wait for the body of an error, from the head on, in milliseconds. The status alone decides the error.
 */
export const timeout = 5000

/** The limit of the body of an error, in bytes. */
export const maxBytes: number = 1024 * 1024

/** Whether a status is 2xx. */
export const isOk = (status: number): boolean => status >= 200 && status <= 299

/**
 * The parts as one; a single part is not copied.
 *
 * @param size of all of them together
 */
export const concat = (parts: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/**
 * The status of a response. For status 0 it is 302: `fetch` of a browser returns such an opaque response for a redirect
 * that it does not follow.
 */
export const redirectStatus = (status: number): number => status === 0 ? 302 : status
