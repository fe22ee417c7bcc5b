/**
 * The flow language: the parts of an emulated flow.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isTime } from "./internal/time/time.js"

/**
 * Any JSON value.
 *
 * @since 0.1.0
 * @category models
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * The schema of any JSON value.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Json: Schema.Schema<Json> = Schema.suspend(() =>
  Schema.Union(
    Schema.Null,
    Schema.Boolean,
    Schema.JsonNumber,
    Schema.String,
    Schema.Array(Json),
    Schema.Record({ key: Schema.String, value: Json })
  )
).annotations({ identifier: "Json", description: "any JSON value" })

/**
 * A span of time: a number of milliseconds, or text such as `"250 millis"`, `"2 seconds"`, `"5 minutes"`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FlowDuration: Schema.Schema<number | string> = Schema.Union(
  Schema.NonNegative.pipe(
    Schema.filter(isTime, { message: () => "expected a finite number of milliseconds", jsonSchema: {} })
  ).annotations({ description: "milliseconds" }),
  Schema.String.pipe(
    Schema.filter(isTime, {
      message: () => "expected a duration such as 250, \"2 seconds\" or \"5 minutes\"",
      jsonSchema: { pattern: "^\\d+(\\.\\d+)?\\s(nanos?|micros?|millis?|seconds?|minutes?|hours?|days?|weeks?)$" }
    })
  )
).annotations({ identifier: "Duration", description: "milliseconds, or text such as \"2 seconds\"" })

/**
 * US dollars as decimal text, never a number.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Money: Schema.Schema<string> = Schema.String.pipe(
  Schema.pattern(/^\d+(\.\d+)?$/, {
    identifier: "Money",
    message: () => "expected a decimal string such as \"0.00031\"",
    description: "US dollars, as a decimal string"
  })
)

/**
 * The address of a flow.
 *
 * @internal
 */
export const FlowRef: Schema.Schema<string> = Schema.String.pipe(
  Schema.pattern(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?){2}$/, {
    message: () => "expected \"org/project/flow\", each of lower-case letters, digits and hyphens",
    description: "org/project/flow"
  })
)

const StepId = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/, {
    message: () => "expected a step id of letters, digits, \"_\" and \"-\", at most 64"
  })
)

const Count = Schema.Int.pipe(Schema.nonNegative())

/**
 * The tokens that a step uses, as traces report them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Tokens = Schema.Struct({ prompt: Count, completion: Count })

/**
 * The failures of a step before it succeeds. Each failed attempt takes the step's duration, costs nothing and shows in the
 * trace.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FailsFirst = Schema.Struct({
  times: Schema.Int.pipe(Schema.between(1, 100)),
  /** Default `"MODEL_OVERLOADED"`. */
  code: Schema.optional(Schema.NonEmptyString),
  /** Default: a sentence that the model did not answer. */
  message: Schema.optional(Schema.String)
})

const common = {
  /** The name of the step in outputs, events and traces; unique in its flow. */
  id: StepId,
  /** The name for people. Default: the id. */
  name: Schema.optional(Schema.String),
  /** The time that the step takes on the emulator's clock. Default: none. */
  duration: Schema.optional(FlowDuration),
  /** Default: none reported. */
  tokens: Schema.optional(Tokens),
  /** US dollars. Default: no cost, and none reported. */
  costUsd: Schema.optional(Money),
  /** The name of the model, for traces. */
  model: Schema.optional(Schema.String),
  /** Default: it succeeds at once. */
  failsFirst: Schema.optional(FailsFirst)
}

/**
 * A step whose output is a template. Its strings may contain `{{message}}`, `{{parameters.x}}`, `{{steps.id.output}}`
 * and `{{input}}` (the output of the previous step). A string that is a single placeholder becomes the value itself, of
 * any type. `{ "$match": "{{parameters.x}}", "cases": { … }, "default": … }` chooses by a value.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TemplateStep = Schema.Struct({
  kind: Schema.Literal("template"),
  ...common,
  output: Json,
  /** A prompt. It is rendered and stored with the output in recorded sessions, as `__rendered_prompt__`. */
  prompt: Schema.optional(Schema.String),
  /**
   * The outputs of the `step_output` events before the step completes: each item is one event, rendered. They are sent at
   * even distances over the duration of the step.
   */
  partials: Schema.optional(Schema.Array(Json)),
  /** The number of times that every partial is sent. Default 1. */
  repeatPartials: Schema.optional(Schema.Int.pipe(Schema.between(1, 10_000_000)))
}).annotations({
  identifier: "TemplateStep",
  description: "returns its output, a template: {{message}}, {{parameters.x}}, {{steps.id.output}}, {{input}}"
})

/**
 * @since 0.1.0
 * @category models
 */
export type TemplateStep = typeof TemplateStep.Type

/**
 * A step that fails. With `status` the response has that HTTP status. Without it the response is a 200 with `status:
 * "failed"`. On a stream both are a `step_error` event.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FailStep = Schema.Struct({
  kind: Schema.Literal("fail"),
  ...common,
  code: Schema.NonEmptyString,
  /** Default: a sentence that names the step. */
  message: Schema.optional(Schema.String),
  /** Default: none. */
  status: Schema.optional(Schema.Int.pipe(Schema.between(400, 599)))
}).annotations({
  identifier: "FailStep",
  description: "fails: with that HTTP status, or without one as a 200 with status failed"
})

/**
 * @since 0.1.0
 * @category models
 */
export type FailStep = typeof FailStep.Type

/**
 * One call that a `tool` step requests. `arguments` is a template, sent as a JSON-encoded string.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolRequest = Schema.Struct({
  name: Schema.NonEmptyString,
  /** Default: an empty object. */
  arguments: Schema.optional(Json),
  /** Text that is sent unchanged in place of encoded `arguments`, as if a model wrote broken JSON. */
  rawArguments: Schema.optional(Schema.String),
  /** Default: an id that is unique in the run. */
  id: Schema.optional(Schema.NonEmptyString)
}).annotations({ identifier: "ToolRequest" })

/**
 * @since 0.1.0
 * @category models
 */
export type ToolRequest = typeof ToolRequest.Type

/**
 * A step that requests tool calls from the caller, round after round, and then builds its output from their results:
 * `{{tools.name}}` is the newest result of a tool (parsed when it is JSON), `{{results}}` all results in order.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolStep = Schema.Struct({
  kind: Schema.Literal("tool"),
  ...common,
  /** The calls of each round. */
  rounds: Schema.NonEmptyArray(Schema.NonEmptyArray(ToolRequest)),
  /** Requests the last round again and again, until a limit stops it. Default false. */
  forever: Schema.optional(Schema.Boolean),
  /** `"declared"` requests a round only if the request declares all its tools. Default `"always"`. */
  asks: Schema.optional(Schema.Literal("always", "declared")),
  /** Keys to add to each assistant message of the pause. Models of some vendors send such keys. */
  assistantExtra: Schema.optional(Schema.Record({ key: Schema.String, value: Json })),
  output: Json
}).annotations({
  identifier: "ToolStep",
  description: "requests tool calls, round by round, then returns its output: {{tools.name}}, {{results}}"
})

/**
 * @since 0.1.0
 * @category models
 */
export type ToolStep = typeof ToolStep.Type

/**
 * A block that runs its steps several times: once per item of `over` (a template of a list), or `times` times.
 * `{{loop.index}}` and `{{loop.item}}` refer to the current round. Its output is the list of the outputs of its last
 * step.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoopStep {
  readonly kind: "loop"
  readonly id: string
  readonly name?: string | undefined
  /** The number of rounds; excludes `over`. */
  readonly times?: number | undefined
  /** A template of a list; excludes `times`. Any other value counts as an empty list. */
  readonly over?: Json | undefined
  readonly steps: ReadonlyArray<FileStep>
}

/**
 * The schema of {@link LoopStep}.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LoopStep: Schema.Schema<LoopStep> = Schema.Struct({
  kind: Schema.Literal("loop"),
  id: StepId,
  name: common.name,
  times: Schema.optional(Schema.Int.pipe(Schema.between(0, 10_000))),
  over: Schema.optional(Json),
  steps: Schema.Array(Schema.suspend((): Schema.Schema<FileStep> => FileStep))
}).annotations({
  identifier: "LoopStep",
  description: "runs its steps once per item of over, or times times: {{loop.index}}, {{loop.item}}"
})

/**
 * A step of a flows file.
 *
 * @since 0.1.0
 * @category models
 */
export type FileStep = TemplateStep | FailStep | ToolStep | LoopStep

/**
 * The schema of {@link FileStep}.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FileStep: Schema.Schema<FileStep> = Schema.Union(TemplateStep, FailStep, ToolStep, LoopStep).annotations({
  identifier: "Step"
})

/**
 * The input of a `function` step.
 *
 * @since 0.1.0
 * @category models
 */
export interface FunctionInput {
  /** The user's message, or the content of the last entry if the caller sent `messages`. */
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: { readonly [name: string]: Json }
  /** The output of the previous step; `null` in the first step. */
  readonly input: Json
  /** The outputs so far, by step id. */
  readonly outputs: { readonly [stepId: string]: Json }
  readonly executionId: string
  /** Counted from 1. */
  readonly attempt: number
}

/**
 * The failure of a `function` step. It has the effect of a {@link FailStep}.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepFailure {
  readonly code: string
  readonly message: string
  readonly status?: number | undefined
}

/**
 * A step computed by code: an Effect, a promise or a plain value. Only flows written in code can have it. Code that
 * throws or rejects fails the step with `INTERNAL_ERROR` (500).
 *
 * @since 0.1.0
 * @category models
 */
export interface FunctionStep {
  readonly kind: "function"
  readonly id: string
  readonly name?: string | undefined
  readonly duration?: Duration.DurationInput | undefined
  readonly tokens?: typeof Tokens.Type | undefined
  readonly costUsd?: string | undefined
  readonly model?: string | undefined
  readonly failsFirst?: typeof FailsFirst.Type | undefined
  readonly run: (input: FunctionInput) => Effect.Effect<Json, StepFailure> | PromiseLike<Json> | Json
}

/**
 * A loop block in code. Its steps may be functions.
 *
 * @since 0.1.0
 * @category models
 */
export interface CodeLoopStep extends Omit<LoopStep, "steps"> {
  readonly steps: ReadonlyArray<Step>
}

/**
 * A step of a flow.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = TemplateStep | FailStep | ToolStep | FunctionStep | CodeLoopStep

/**
 * The part of each step's payloads that a run keeps.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CaptureMode = Schema.Literal("metadata_only", "full", "redacted", "off")

/**
 * @since 0.1.0
 * @category models
 */
export type CaptureMode = typeof CaptureMode.Type

const FileVersion = Schema.Struct({
  steps: Schema.Array(FileStep),
  /** Makes the flow not executable. Every run is refused with `INVALID_TREE` and this text. */
  broken: Schema.optional(Schema.String)
}).annotations({ identifier: "PublishedVersion", description: "a published version" })

const flowFields = {
  ref: FlowRef,
  /** Default: derived from `ref`. */
  id: Schema.optional(Schema.NonEmptyString),
  /** Makes the draft not executable, as in a version. */
  broken: Schema.optional(Schema.String),
  /** The published version that runs if the path does not name one. Default: the highest of `versions`. */
  production: Schema.optional(Schema.Int.pipe(Schema.positive())),
  /**
   * The JSON Schema of the parameters, for forms. Requests are not checked. Default: an object of the parameters that
   * templates use, with any values.
   */
  parameters: Schema.optional(Schema.Record({ key: Schema.String, value: Json })),
  /** Whether a request needs a message. Default: whether a template uses `{{message}}`. */
  needsMessage: Schema.optional(Schema.Boolean),
  /** Whether requests may declare tools. Default: whether the flow has a `tool` step. */
  toolsEnabled: Schema.optional(Schema.Boolean),
  /** Whether the model sees images. Default true. */
  vision: Schema.optional(Schema.Boolean),
  /** Default: the organisation's. */
  capture: Schema.optional(CaptureMode)
}

/**
 * A flow in a file: its live draft (`steps`) and its published `versions`. Without versions the draft runs.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FileFlow = Schema.Struct({
  ...flowFields,
  steps: Schema.Array(FileStep),
  versions: Schema.optional(
    Schema.Record({
      key: Schema.String.pipe(Schema.pattern(/^[1-9]\d{0,5}$/, { description: "a version number from 1" })),
      value: FileVersion
    })
  )
}).annotations({ identifier: "Flow", description: "an address, the live draft (steps), and published versions" })

/**
 * @since 0.1.0
 * @category models
 */
export type FileFlow = typeof FileFlow.Type

/**
 * One published version of a flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface PublishedVersion {
  readonly steps: ReadonlyArray<Step>
  readonly broken?: string | undefined
}

/**
 * A flow written in code: a {@link FileFlow} that may have `function` steps.
 *
 * @example
 * ```ts
 * import type { Flow } from "@effect-noukai/emulator/Flow"
 *
 * const echo: Flow = {
 *   ref: "acme/spelling/echo",
 *   steps: [{ kind: "template", id: "say", output: { text: "You said: {{message}}" } }]
 * }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export interface Flow extends Omit<FileFlow, "steps" | "versions"> {
  readonly steps: ReadonlyArray<Step>
  readonly versions?: { readonly [version: string]: PublishedVersion } | undefined
}

/**
 * The facts of a flow for a form about a new run, of the version that runs if none is named.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowFacts {
  /** The published versions, oldest first, and `draft`. */
  readonly versions: ReadonlyArray<string>
  /** The one of `versions` that runs if none is named. */
  readonly production: string
  readonly needsMessage: boolean
  /** The JSON Schema of its parameters. */
  readonly parametersSchema: { readonly [key: string]: Json }
  /** Its steps, in order, without those in loops. */
  readonly steps: ReadonlyArray<string>
}
