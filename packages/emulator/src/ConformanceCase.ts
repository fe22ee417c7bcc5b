/**
 * The parts of a case of the conformance suite.
 *
 * @since 0.1.0
 */
import type { StreamOutputs } from "./EmulatorOptions.js"
import type { Json } from "./Flow.js"

/**
 * A need of a case beyond the sample flows: the flows, keys and organisations of `Conformance.fixture`, the fault
 * header, the control endpoint, the fields that older servers sent (`legacyFields`), or a queue whose jobs wait
 * (`jobs.queueDelay` of an hour).
 *
 * @since 0.1.0
 * @category models
 */
export type Need = "fixture" | "faults" | "control" | "legacy" | "idleQueue"

/**
 * One request. In its strings `{{name}}` is replaced by the value that an earlier exchange saved.
 * `{ "$repeat": ["x", 3] }` is repeated text, `{ "$concat": [a, b] }` are joined lists.
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
  /** Text that is sent unchanged in place of `body`. */
  readonly text?: string
  /**
   * The key to send: the key of `org/project`, or `"unknown"`, `"revoked"`, `"malformed"` or `"none"`. Default: the key
   * for the path.
   */
  readonly as?: string
  readonly control?: boolean
}

/**
 * The expected answer. Objects may have more keys than expected, lists must not have more items. In place of a value,
 * `{ "$any": "string" }` accepts any value of a kind (`"undefined"`: the key is absent), `{ "$matches": "…" }` text
 * that matches a regular expression, `{ "$absent": true }` null or an absent key, `{ "$each": … }` a list of such
 * items, `{ "$length": 3 }` a list of that length.
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
 * One request and its expected answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceExchange {
  readonly request: ConformanceRequest
  readonly expect: Expectation
  /**
   * The values to save for later requests: paths by name, such as `body.executionId` or `events.0.data.executionId`.
   */
  readonly save?: { readonly [name: string]: string }
  /** Sends the request again until the expectation is met, at most `times` times, `everyMs` ms apart. */
  readonly retry?: { readonly times: number; readonly everyMs: number }
}

/**
 * One demand on a server: requests and expectations for any runner.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceCase {
  /** Begins with the section of `docs/wire.md`. */
  readonly name: string
  /** The covered facts of `docs/wire.md`, such as `execute message`. */
  readonly rows: ReadonlyArray<string>
  readonly needs: ReadonlyArray<Need>
  /** The only shape of streams that the case is for. Default: both. */
  readonly streamOutputs?: StreamOutputs
  readonly exchanges: ReadonlyArray<ConformanceExchange>
}

/**
 * A server that cases run against.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  /** The base URL with the prefix: `http://127.0.0.1:8080/api/v1`. */
  readonly baseUrl: string
  /** Keys by `org/project`, and by `unknown`, `revoked` and `malformed` where cases use them. */
  readonly keys: { readonly [name: string]: string }
}
