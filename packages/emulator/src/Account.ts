/**
 * The accepted keys, and the settings of organisations.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { CaptureMode, FlowDuration, Money } from "./Flow.js"

/**
 * The schema of a name in an address: lower-case letters, digits and hyphens.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Slug = (what: string): Schema.Schema<string> =>
  Schema.String.pipe(
    Schema.pattern(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/, {
      message: () => `expected ${what} of lower-case letters, digits and hyphens, at most 50`,
      description: `${what} of lower-case letters, digits and hyphens, at most 50`
    })
  )

/**
 * A limit on requests: at most `requests` in each window of `per`. A request over it is 429 `RATE_LIMIT` with
 * `Retry-After`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RateLimit = Schema.Struct({
  requests: Schema.Int.pipe(Schema.positive()),
  per: FlowDuration
}).annotations({ identifier: "RateLimit", description: "at most this many requests in each window" })

/**
 * @since 0.1.0
 * @category models
 */
export type RateLimit = typeof RateLimit.Type

/**
 * An API key of one project. If any key is listed, only listed keys are accepted.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApiKey = Schema.Struct({
  key: Schema.String.pipe(
    Schema.filter((key) => key.startsWith("nk_"), { message: () => "expected a key that begins with \"nk_\"" })
  ),
  org: Slug("an organisation"),
  project: Slug("a project"),
  /** Default false. */
  revoked: Schema.optional(Schema.Boolean),
  /** Default: none. */
  rateLimit: Schema.optional(RateLimit)
}).annotations({ identifier: "ApiKey", description: "a key, bound to one project" })

/**
 * @since 0.1.0
 * @category models
 */
export type ApiKey = typeof ApiKey.Type

/**
 * The paths under which runs can be read: below `/seq`, below `/flow-runs`, both or none.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RunPaths = Schema.Literal("both", "seq", "flow-runs", "none")

/**
 * @since 0.1.0
 * @category models
 */
export type RunPaths = typeof RunPaths.Type

/**
 * The status of a read of a run under a path that is not served.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RefusedRunPaths = Schema.Literal(401, 403, 404)

/**
 * @since 0.1.0
 * @category models
 */
export type RefusedRunPaths = typeof RefusedRunPaths.Type

/**
 * The settings of a whole organisation.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Organisation = Schema.Struct({
  /** The US dollars that it may still spend, as decimal text. Default: no limit. */
  credits: Schema.optional(Money),
  /** Default: the emulator's, `"full"`. */
  capture: Schema.optional(CaptureMode),
  /** If false, every run is a 503 `BILLING_UNAVAILABLE`. Default true. */
  billing: Schema.optional(Schema.Boolean),
  /** The limit for all its keys together. Default: none. */
  rateLimit: Schema.optional(RateLimit),
  /** The paths under which its keys read runs. Default: the emulator's, `"both"`. */
  runPaths: Schema.optional(RunPaths),
  /** The status of a read under another path. Default: the emulator's, 404. */
  refusedRunPaths: Schema.optional(RefusedRunPaths)
}).annotations({ identifier: "Organisation", description: "credits, capture mode, billing, limits and paths of runs" })

/**
 * @since 0.1.0
 * @category models
 */
export type Organisation = typeof Organisation.Type
