/**
 * What a case of the conformance suite is made of.
 *
 * @since 0.1.0
 */
import type { StreamOutputs } from "./EmulatorOptions.js"
import type { Json } from "./Flow.js"

/**
 * What a case needs beyond the sample flows: the flows, keys and organisations of `Conformance.fixture`, the fault
 * header, the control endpoint, the fields that older servers sent (`legacyFields`), or a queue whose jobs wait
 * (`jobs.queueDelay` of an hour).
 *
 * @since 0.1.0
 * @category models
 */
export type Need = "fixture" | "faults" | "control" | "legacy" | "idleQueue"

/**
 * One request. In its strings `{{name}}` stands for what an earlier exchange saved; `{ "$repeat": ["x", 3] }` is text
 * repeated, `{ "$concat": [a, b] }` lists joined.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceRequest {
  readonly method: "GET" | "POST" | "DELETE"
  /** Below the base URL; below the origin when `control` is set. */
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Json
  /** In place of `body`: sent as it is. */
  readonly text?: string
  /** Whose key is sent: `org/project`, `"unknown"`, `"revoked"`, `"malformed"` or `"none"`. Default: the path's. */
  readonly as?: string
  readonly control?: boolean
}

/**
 * What an answer must be. Objects may have more keys than expected, lists may not have more items. In a place of a
 * value, `{ "$any": "string" }` takes any of a kind (`"undefined"`: no such key), `{ "$matches": "…" }` text by a regular
 * expression, `{ "$absent": true }` null or nothing, `{ "$each": … }` every item, `{ "$length": 3 }` a list by its length.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expectation {
  readonly status: number
  /** By lower-case name. */
  readonly headers?: { readonly [name: string]: Json }
  readonly body?: Json
  /** Each event as `{ "event": name, "data": payload }`. */
  readonly events?: Json
  /** The whole body. */
  readonly text?: Json
}

/**
 * One request, and what must come back.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceExchange {
  readonly request: ConformanceRequest
  readonly expect: Expectation
  /** Names for later requests, by a path such as `body.executionId` or `events.0.data.executionId`. */
  readonly save?: { readonly [name: string]: string }
  /** Sends the request again until the expectation holds: at most so often, that far apart. */
  readonly retry?: { readonly times: number; readonly everyMs: number }
}

/**
 * What a server must do, as requests and expectations, for any runner to send.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceCase {
  /** Begins with the section of the contract. */
  readonly name: string
  /** The rows of the contract that it is about, such as `5.1 message`. */
  readonly rows: ReadonlyArray<string>
  readonly needs: ReadonlyArray<Need>
  /** The shape of streams that it belongs to, where the two differ. Default: both. */
  readonly streamOutputs?: StreamOutputs
  readonly exchanges: ReadonlyArray<ConformanceExchange>
}

/**
 * A server to run cases against.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  /** With the prefix: `http://127.0.0.1:8080/api/v1`. */
  readonly baseUrl: string
  /** Keys by `org/project`; and by `unknown`, `revoked`, `malformed` when cases use them. */
  readonly keys: { readonly [name: string]: string }
}
