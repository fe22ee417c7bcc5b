/**
 * The part of the studio's API that starts a run. `start` is the only endpoint of a studio that costs money.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { NotFound, Unavailable } from "./RunsApi.js"

/** An object of any JSON. A record would lose a key `__proto__`. */
const Values = Schema.declare(
  (value: unknown): value is { readonly [name: string]: unknown } => Predicate.isRecord(value),
  { identifier: "an object", jsonSchema: { type: "object" } }
)

/** US dollars above 0, as decimal text. */
const Dollars = Schema.String.pipe(
  Schema.maxLength(64),
  Schema.pattern(/^\d*\.?\d+$/, { message: () => "The cost limit must be a number of US dollars, such as 0.05." }),
  Schema.filter((text) => Number(text) > 0 || "The cost limit must be above 0.")
)

/**
 * An image that a run sees.
 *
 * @since 0.1.0
 * @category models
 */
export const RunAttachment = Schema.Struct({
  /** An `https` URL. */
  url: Schema.String.pipe(
    Schema.filter((url) =>
      (URL.canParse(url) && new URL(url).protocol === "https:") || "An attachment must be the https URL of an image."
    )
  ),
  mime_type: Schema.Literal("image/jpeg", "image/png", "image/webp", "image/gif"),
  filename: Schema.optional(Schema.String.pipe(Schema.maxLength(255)))
})

/** @since 0.1.0 */
export interface RunAttachment extends Schema.Schema.Type<typeof RunAttachment> {}

/**
 * The input of a run that is to begin: with the rest of a {@link RunRequest}, at most 4 MiB of JSON.
 *
 * @since 0.1.0
 * @category models
 */
export const RunInput = Schema.Struct({
  /** `org/project/slug`. */
  flow: Schema.String.pipe(
    Schema.pattern(/^[^/\s]+\/[^/\s]+\/[^/\s]+$/, { message: () => "A flow is written as organisation/project/flow." })
  ),
  message: Schema.optional(Schema.String),
  parameters: Schema.optional(Values),
  attachments: Schema.optional(Schema.Array(RunAttachment).pipe(Schema.maxItems(20))),
  /** `production`, `draft` or a number from 1. Default: `production`. */
  version: Schema.optional(
    Schema.String.pipe(
      Schema.pattern(/^(?:production|draft|[1-9]\d{0,5})$/, {
        message: () => "A version is production, draft, or a number from 1."
      })
    )
  ),
  /** Stops the run between steps above this cost. Not with a draft, which runs in one request. */
  maxCostUsd: Schema.optional(Dollars),
  /** Outputs, by step id, that later steps see in place of the real ones. The steps still run. Not with a draft. */
  inputOverrides: Schema.optional(Values),
  /** The step at which the run begins, counted from 0, and the outputs of the steps before it, which do not run. Not with a draft. */
  startAt: Schema.optional(Schema.Struct({
    stepIndex: Schema.Number.pipe(Schema.int(), Schema.between(1, 10_000)),
    outputs: Values
  })),
  /** Asks the server to keep the inputs and outputs of steps, so that they can be compared. Default: false. */
  snapshots: Schema.optional(Schema.Boolean)
}).pipe(
  Schema.filter(({ inputOverrides = {}, maxCostUsd, startAt, version }) =>
    version !== "draft" ||
    (maxCostUsd === undefined && startAt === undefined && Object.keys(inputOverrides).length === 0) ||
    "A draft runs in one request from its first step: leave out the cost limit and the outputs of steps."
  ),
  Schema.filter(({ message, parameters = {} }) =>
    message === undefined || !Object.hasOwn(parameters, "message") ||
    "Give the message once: the parameter \"message\" sets it too."
  )
)

/** @since 0.1.0 */
export interface RunInput extends Schema.Schema.Type<typeof RunInput> {}

/**
 * The costs of completed runs of a version, in US dollars.
 *
 * @since 0.1.0
 * @category models
 */
export const VersionCosts = Schema.Struct({
  /** As in {@link RunInput}. Absent: the runs whose version is not known. */
  version: Schema.optional(Schema.String),
  /** The number of runs that the costs are of. */
  runs: Schema.Number,
  least: Schema.String,
  median: Schema.String,
  most: Schema.String
})

/** @since 0.1.0 */
export interface VersionCosts extends Schema.Schema.Type<typeof VersionCosts> {}

/**
 * The content of a form about a new run: the facts of the flow, and the input of a run.
 *
 * @since 0.1.0
 * @category models
 */
export const RunForm = Schema.Struct({
  /** The id of this start of the studio, to send with {@link RunRequest}. */
  studio: Schema.String,
  /** Whether this studio starts runs. Otherwise its page shows texts to copy alone. */
  canStart: Schema.Boolean,
  /** Why it does not start runs, and what to do about it. Absent if it does. */
  whyNot: Schema.optional(Schema.String),
  /** The stored input of the run. `snapshots` is true if the run kept payloads. */
  input: RunInput,
  /** The JSON Schema of the parameters, where the server knows it. */
  parametersSchema: Schema.optional(Schema.Unknown),
  /** Whether the flow needs a message, where the server knows it. */
  needsMessage: Schema.optional(Schema.Boolean),
  /** The versions that are known, `production` first. Others may exist. */
  versions: Schema.Array(Schema.String),
  /** The steps whose outputs can be replaced for later steps, with the output of the run where it is stored: JSON. */
  steps: Schema.Array(Schema.Struct({ stepId: Schema.String, output: Schema.optional(Schema.String) })),
  /**
   * The steps after the first, in order: a run can begin at each of them with the outputs of the steps before it. The cost is
   * the cost of the completed run from the step on. It is absent if it is not known.
   */
  later: Schema.Array(Schema.Struct({
    stepId: Schema.String,
    costUsd: Schema.optional(Schema.String),
    unknownCosts: Schema.optional(Schema.Number)
  })),
  /** The costs of completed runs of the flow by version. A version without a known cost is left out. */
  costs: Schema.Array(VersionCosts),
  /** The parts of the input that are not known, or were cut. */
  notes: Schema.Array(Schema.String)
})

/** @since 0.1.0 */
export interface RunForm extends Schema.Schema.Type<typeof RunForm> {}

/**
 * A run to begin. Requests with one `intention` begin one run, however often they arrive.
 *
 * @since 0.1.0
 * @category models
 */
export const RunRequest = Schema.Struct({
  /** The `studio` of the {@link RunForm}. */
  studio: Schema.String,
  /** A random UUID for each run that a person wants. It is also the id of the session of the run. */
  intention: Schema.UUID,
  input: RunInput
})

/** @since 0.1.0 */
export interface RunRequest extends Schema.Schema.Type<typeof RunRequest> {}

/**
 * The outcome of a {@link RunRequest} so far.
 *
 * - `starting`: the request was sent, and the id of the run is not known yet.
 * - `running`: the run began. Its `run` is live at `/watch`.
 * - `ended`: the run is over: it completed, or failed (`problem`).
 * - `stopped`: the run began, and stopped before its end, such as at the cost limit. `problem` says why.
 * - `refused`: nothing ran.
 * - `unknown`: no answer came. The run may have begun, and may be billed: look for its session in the list.
 *
 * @since 0.1.0
 * @category models
 */
export const StartedRun = Schema.Struct({
  state: Schema.Literal("starting", "running", "ended", "stopped", "refused", "unknown"),
  intention: Schema.String,
  flow: Schema.String,
  /** The session of the run: a filter of the list. The id of the intention. */
  sessionId: Schema.String,
  /** The id of the run. */
  run: Schema.optional(Schema.String),
  problem: Schema.optional(Schema.Struct({ message: Schema.String, advice: Schema.optional(Schema.String) }))
})

/** @since 0.1.0 */
export interface StartedRun extends Schema.Schema.Type<typeof StartedRun> {}

/**
 * The input of a run is not valid. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRun extends Schema.TaggedError<InvalidRun>("@effect-noukai/studio/InvalidRun")(
  "InvalidRun",
  { message: Schema.String, advice: Schema.optional(Schema.String) },
  HttpApiSchema.annotations({ status: 400 })
) {}

/**
 * The form belongs to an earlier start of the studio, so that it is not known whether its run has begun. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class StaleForm extends Schema.TaggedError<StaleForm>("@effect-noukai/studio/StaleForm")(
  "StaleForm",
  { message: Schema.String, advice: Schema.optional(Schema.String) },
  HttpApiSchema.annotations({ status: 409 })
) {}

/**
 * The endpoints of new runs.
 *
 * @since 0.1.0
 * @category api
 */
export const runAgainGroup = HttpApiGroup.make("again")
  /** Without `id`: the newest run of the flow whose input is stored. */
  .add(
    HttpApiEndpoint.get("form", "/again")
      .setUrlParams(Schema.Struct({ flow: Schema.String, id: Schema.optional(Schema.String) }))
      .addSuccess(RunForm)
  )
  /**
   * Begins the run of an intention, once. A repeated request returns the outcome of the first one. Waits at most 10 seconds
   * for the id of the run: without it the state is `starting`. The run goes on if the page closes.
   */
  .add(
    HttpApiEndpoint.post("start", "/again").setPayload(RunRequest).addSuccess(StartedRun).addError(InvalidRun).addError(
      StaleForm
    )
  )
  /** The outcome of an intention, and never a new run. Waits as `start` does. 404: this studio has not begun it. */
  .add(
    HttpApiEndpoint.get("started", "/again/started")
      .setUrlParams(Schema.Struct({ intention: Schema.String }))
      .addSuccess(StartedRun)
  )
  .addError(NotFound)
  .addError(Unavailable)
