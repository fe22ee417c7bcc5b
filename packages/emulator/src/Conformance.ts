/**
 * A conformance suite as data: requests to the API and what they must be answered. It runs against any base URL, the
 * emulator's or another server's.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ApiKey, FileFlow, Json, Organisation } from "./FlowFile.js"
import * as Access from "./internal/conformance/cases/access.js"
import * as Errors from "./internal/conformance/cases/errors.js"
import * as Execute from "./internal/conformance/cases/execute.js"
import * as Jobs from "./internal/conformance/cases/jobs.js"
import * as Runs from "./internal/conformance/cases/runs.js"
import * as Sessions from "./internal/conformance/cases/sessions.js"
import * as Step from "./internal/conformance/cases/step.js"
import * as Tools from "./internal/conformance/cases/tools.js"
import * as Fixture from "./internal/conformance/fixture.js"
import { runCase } from "./internal/conformance/runCase.js"

/**
 * What a case needs beyond the sample flows: the flows, keys and organisations of {@link fixture}, the fault header,
 * or the control endpoint.
 *
 * @since 0.1.0
 * @category models
 */
export type Need = "fixture" | "faults" | "control"

/**
 * One request. In its strings `{{name}}` stands for what an earlier exchange saved; `{ "$repeat": ["x", 3] }` is text
 * repeated, `{ "$concat": [a, b] }` lists joined.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConformanceRequest {
  readonly method: "GET" | "POST" | "DELETE"
  /** below the base URL; below the origin when `control` is set */
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Json
  /** in place of `body`: sent as it is */
  readonly text?: string
  /** whose key is sent: `org/project`, `"unknown"`, `"revoked"`, `"malformed"` or `"none"`. Default: the path's */
  readonly as?: string
  readonly control?: boolean
}

/**
 * What an answer must be. Objects may have more keys than expected, lists may not have more items. In a place of a
 * value, `{ "$any": "string" }` takes any of a kind, `{ "$matches": "…" }` text by a regular expression,
 * `{ "$absent": true }` nothing, `{ "$each": … }` every item, `{ "$length": 3 }` a list by its length.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expectation {
  readonly status: number
  /** by lower-case name */
  readonly headers?: { readonly [name: string]: Json }
  readonly body?: Json
  /** each event as `{ "event": name, "data": payload }` */
  readonly events?: Json
  /** the whole body */
  readonly text?: Json
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConformanceExchange {
  readonly request: ConformanceRequest
  readonly expect: Expectation
  /** names for later requests, by a path such as `body.executionId` or `events.0.data.executionId` */
  readonly save?: { readonly [name: string]: string }
  /** sends the request again until the expectation holds: at most so often, that far apart */
  readonly retry?: { readonly times: number; readonly everyMs: number }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConformanceCase {
  /** begins with the section of the contract */
  readonly name: string
  /** the rows of the contract that it is about, such as `5.1 message` */
  readonly rows: ReadonlyArray<string>
  readonly needs: ReadonlyArray<Need>
  readonly exchanges: ReadonlyArray<ConformanceExchange>
}

/**
 * A server to run cases against.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  /** with the prefix: `http://127.0.0.1:8080/api/v1` */
  readonly baseUrl: string
  /** keys by `org/project`; and by `unknown`, `revoked`, `malformed` when cases use them */
  readonly keys: { readonly [name: string]: string }
}

/**
 * A case whose answers were not as expected; `problems` says where.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConformanceError extends Schema.TaggedError<ConformanceError>("@effect-noukai/emulator/ConformanceError")(
  "ConformanceError",
  {
    case: Schema.String,
    /** which of its exchanges, from 0 */
    exchange: Schema.Number,
    problems: Schema.Array(Schema.String)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return [`${this.case} (exchange ${this.exchange})`, ...this.problems.map((problem) => `  ${problem}`)].join("\n")
  }
}

/**
 * Options of an emulator that has all that cases need, beside the samples.
 *
 * @since 0.1.0
 * @category fixtures
 */
export const fixture: {
  readonly flows: ReadonlyArray<FileFlow>
  readonly keys: ReadonlyArray<ApiKey>
  readonly organisations: { readonly [org: string]: Organisation }
} = Fixture.fixture

/**
 * The keys of {@link fixture}, as a {@link Target} has them.
 *
 * @since 0.1.0
 * @category fixtures
 */
export const fixtureKeys: { readonly [name: string]: string } = Fixture.keys

/**
 * All cases.
 *
 * @since 0.1.0
 * @category cases
 */
export const cases: ReadonlyArray<ConformanceCase> = [
  ...Access.cases,
  ...Execute.cases,
  ...Tools.cases,
  ...Step.cases,
  ...Jobs.cases,
  ...Runs.cases,
  ...Sessions.cases,
  ...Errors.cases
]

/**
 * Runs one case. Fails with the first exchange whose answer is not as expected, or that got none.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (made: ConformanceCase, target: Target): Effect.Effect<void, ConformanceError> =>
  runCase(made, target, (exchange, problems) => new ConformanceError({ case: made.name, exchange, problems }))
