/**
 * The inputs of runs: one Schema for each operation that begins a run or goes on with one.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#messages
 * @see docs/wire.md#attachments
 * @see docs/wire.md#tools
 */
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type * as Execution from "../../Execution.js"
import type { AnyParameters } from "../../Flow.js"
import { FlowCursor } from "../../FlowCursor.js"
import { isOf } from "../core/json.js"
import { type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { checkStored } from "../kit/jsonProblem.js"
import { isVersion, type Names } from "../kit/names.js"
import {
  forNames,
  kindOf,
  queuedFields,
  type QueuedOption,
  queuedOptions,
  repeatedFields,
  type RunOptionName,
  simpleOptions
} from "../kit/runOptions.js"
import type { RunFields, SubmitJobBody } from "../operations/requests.js"
import * as CallOptions from "../options/callOptions.js"
import { checkParameters } from "../options/flowCodec.js"
import { isHeaderValue } from "../options/headers.js"
import { isHandled, type ToolChoice, type ToolDeclaration } from "./tool.js"
import type { RunTools } from "./toolRound.js"

const Message = CallOptions.says(
  "must be an object with a role",
  Schema.Struct({ role: CallOptions.oneOf("user", "assistant", "tool") })
)

const messages = CallOptions.json(CallOptions.list("must be an array of messages", Message))

const overrides = CallOptions.must(Predicate.isRecord, "must be an object keyed by step id")

const blockOverrides = overrides.pipe(
  Schema.filter((steps) => {
    const bad = Object.entries(steps as object).find(([, fields]) => !Predicate.isRecord(fields))
    return bad === undefined || { path: [`[${JSON.stringify(bad[0])}]`], message: "must be an object of fields" }
  })
)

const maxUrlLength = 2048
const maxFilenameLength = 255

const isHttps = (url: unknown): boolean =>
  Predicate.isString(url) && URL.canParse(url) && new URL(url).protocol === "https:"

const isFilename = (name: unknown): boolean =>
  Predicate.isString(name) && name.length <= maxFilenameLength && !/[\\/]|\.\./.test(name)

const attachmentNames: Names<Execution.Attachment & { readonly kind: "url" }> = {
  kind: true,
  url: true,
  mime_type: true,
  filename: true
}

const Attachment = CallOptions.says(
  "must be an object with url and mime_type",
  Schema.Struct({
    kind: Schema.optional(CallOptions.oneOf("url")),
    url: CallOptions.must(isHttps, "must be an https URL").pipe(
      Schema.filter((url) => String(url).length <= maxUrlLength || `must be at most ${maxUrlLength} characters`)
    ),
    mime_type: CallOptions.oneOf("image/jpeg", "image/png", "image/webp", "image/gif"),
    filename: Schema.optional(
      CallOptions.must(
        isFilename,
        `must be a name of at most ${maxFilenameLength} characters without "/", "\\" or ".."`
      )
    )
  })
)

const attachments = CallOptions.json(
  CallOptions.list("must be an array", CallOptions.named(attachmentNames, Attachment), 10)
)

const toolName = /^[A-Za-z0-9_-]{1,64}$/

const form = "must be { type: \"function\", function: { name, description?, parameters? } }"

const declarationNames: Names<ToolDeclaration> = {
  type: true,
  function: { name: true, description: true, parameters: true }
}

const Declaration = CallOptions.says(
  form,
  Schema.Struct({
    type: CallOptions.oneOf("function"),
    function: CallOptions.says(
      form,
      Schema.Struct({
        name: Schema.String.pipe(Schema.pattern(toolName))
          .annotations({ message: () => "must be 1 to 64 letters, digits, \"_\" or \"-\"" }),
        parameters: Schema.optional(CallOptions.must(Predicate.isRecord, "must be a JSON Schema object")),
        description: Schema.optional(CallOptions.text)
      })
    )
  })
)

export const declarations = CallOptions.json(
  CallOptions.list(
    "must be an array of tools, or made by the Tools module",
    CallOptions.named(declarationNames, Declaration),
    64
  )
    .pipe(
      Schema.filter((tools) => {
        const names = tools.map((tool) => tool.function.name)
        const twice = names.findIndex((name, index) => names.indexOf(name) < index)
        return twice < 0 ||
          { path: [twice, "function", "name"], message: `${JSON.stringify(names[twice])} is declared twice` }
      })
    )
)

const isToolChoice = Schema.is(Schema.Union(
  Schema.Literal("none", "auto", "required"),
  Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) })
))

const choiceNames: Names<Exclude<ToolChoice, string>> = { type: true, function: { name: true } }

const toolChoices = CallOptions.json(CallOptions.named(
  choiceNames,
  CallOptions.must(
    isToolChoice,
    "must be \"auto\", \"none\", \"required\" or { type: \"function\", function: { name } }"
  )
))

const checkToolChoice = (choice: unknown, tools: ReadonlyArray<ToolDeclaration> = []): Problem | undefined => {
  if (choice === "required" && tools.length === 0) return problem("toolChoice", "\"required\" needs tools")
  const named = Predicate.isRecord(choice) && Predicate.isRecord(choice.function) ? choice.function.name : undefined
  return named === undefined || tools.some((tool) => tool.function.name === named)
    ? undefined
    : problem("toolChoice.function.name", "must name one of the tools")
}

/** The declarations of tools, for the request. */
export const declarationsOf = (
  tools: RunTools<unknown, unknown> | undefined
): ReadonlyArray<ToolDeclaration> | undefined => isHandled(tools) ? tools.declarations : tools

/** The fields that the requests of a run repeat. */
export const runFields = (
  options: Execution.ExecuteOptions,
  parameters: unknown,
  tools: RunTools<unknown, unknown> | undefined,
  trace: boolean = options.snapshots ?? false
): RunFields => {
  const attachments = options.attachments?.map((attachment) => ({ kind: "url", ...attachment }))
  return Struct.pick(
    { ...options, parameters, attachments, tools: declarationsOf(tools), trace },
    ...repeatedFields
  )
}

/** The body of a submission to the queue. */
export const submittedFields = (
  options: Pick<Execution.ExecuteOptions, Exclude<QueuedOption, "parameters">>,
  parameters: unknown
): SubmitJobBody => Struct.pick({ ...options, parameters, trace: options.snapshots ?? false }, ...queuedFields)

/** Checks the tools of a run. */
export const checkTools = ({ toolChoice, tools }: {
  readonly toolChoice?: unknown
  readonly tools?: RunTools | undefined
}): Problem | undefined => {
  if (isHandled(tools)) {
    const found = typeof tools.run === "function"
      ? tools.problem
      : problem("tools", "have no handler that is a function")
    if (found !== undefined) return found
  }
  const declared = declarationsOf(tools)
  if (declared !== undefined && !Array.isArray(declared)) {
    return problem("tools", "must be an array of tools, or made by the Tools module, as Tools.fromToolkit does")
  }
  return (declared && CallOptions.problemOf("tools", declarations, declared)) ?? checkToolChoice(toolChoice, declared)
}

const simple = forNames(simpleOptions, (name) => CallOptions.ofKind(kindOf(name)))

/** The options of the requests of a run. */
const ofRun: { readonly [K in RunOptionName]: CallOptions.Option } = {
  ...simple,
  messages,
  parameters: CallOptions.checked(checkParameters),
  attachments,
  blockOverrides: CallOptions.json(blockOverrides),
  tools: CallOptions.anything,
  toolChoice: toolChoices
}

/** The options of every request that may begin a run. */
export const begun = {
  ...CallOptions.ofCall,
  ...Struct.pick(ofRun, ...queuedOptions),
  trace: CallOptions.refused("is not an option: did you mean snapshots?"),
  version: CallOptions.version,
  sessionId: CallOptions.sessionId,
  timeout: CallOptions.duration
}

const answering = {
  tools: CallOptions.anything,
  maxToolRounds: CallOptions.count(0),
  toolConcurrency: CallOptions.count(1),
  onToolFailure: CallOptions.oneOf("fail", "report")
}

const interactive = {
  ...begun,
  ...answering,
  ...ofRun,
  maxCostUsd: CallOptions.costLimit
}

export const once = {
  rerunFailed: CallOptions.flag,
  settle: CallOptions.finiteDuration,
  sessionId: CallOptions.refused("is made of the key here: leave it out")
}

/** The default of `silence`. */
export const defaultSilence = "2 minutes"

const takingOver = { takeOver: CallOptions.flag, silence: CallOptions.finiteDuration }

export type ExecuteInputOf<E, R> = Execution.ExecuteInput<
  AnyParameters,
  RunTools<E, R> | undefined,
  Effect.Effect<void, E, R>
>

type AnyExecuteInput = ExecuteInputOf<unknown, unknown>

/** Only runs that are requested step by step can be stopped between their steps. */
const checkWalk = ({ maxCostUsd, messages = [], version }: AnyExecuteInput): Problem | undefined => {
  const isDraft = version === "draft" || version === 0
  if (maxCostUsd === undefined || (messages.length === 0 && !isDraft)) return undefined
  const [what, instead] = messages.length > 0 ? ["messages", "message"] : ["the draft", "another version"]
  const reason = `cannot limit a run of ${what}, which is one request: give ${instead}, or no maxCostUsd`
  return problem("maxCostUsd", reason)
}

const checkExecute = (input: AnyExecuteInput): Problem | undefined =>
  (input.message !== undefined && input.messages !== undefined && input.messages.length > 0
    ? problem("messages", "give either message or messages, not both")
    : undefined) ??
    checkTools(input) ??
    checkWalk(input)

export const executeFields = { ...interactive, onPause: CallOptions.callback }

export const executeInput = CallOptions.decoder<AnyExecuteInput>("input", () => executeFields, checkExecute)

export type ExecuteOnceInputOf<E, R> = ExecuteInputOf<E, R> & Execution.OnceOptions & Execution.TakeOverOptions

export const executeOnceInput = CallOptions.decoder<ExecuteOnceInputOf<unknown, unknown>>("input", () => ({
  ...executeFields,
  ...once,
  ...takingOver
}), checkExecute)

export type ResumeInputOf<E, R> = Execution.ResumeInput<RunTools<E, R> | undefined, Effect.Effect<void, E, R>>

export const resumeInput = CallOptions.decoder<ResumeInputOf<unknown, unknown>>("input", () => ({
  ...CallOptions.ofCall,
  ...answering,
  timeout: CallOptions.duration,
  maxCostUsd: CallOptions.costLimit,
  onPause: CallOptions.callback
}), checkTools)

export type EventsInputOf<E, R> = Execution.EventsInput<AnyParameters, RunTools<E, R> | undefined>

type AnyEventsInput = EventsInputOf<unknown, unknown>

const isCursor = isOf(FlowCursor)

const checkFrom = (
  { asNewRun, from, tools, version }: AnyEventsInput,
  addressText: string | undefined
): Problem | undefined => {
  if (from === undefined) {
    return asNewRun === true ? problem("asNewRun", "needs the step to begin at: give from") : undefined
  }
  const unwritten = checkStored("from", from)
  if (unwritten !== undefined) return unwritten
  const refused = (reason: string): Problem => problem("from", reason)
  if (!isCursor(from) || !isVersion(from.flowVersion)) return refused("is not the cursor of a run")
  if (from.flow !== addressText) return refused(`is of another flow, ${from.flow}`)
  if (version !== undefined && version !== from.flowVersion) {
    return refused(`is of another version, ${JSON.stringify(from.flowVersion)}`)
  }
  if (asNewRun === true) {
    return from.stepIndex > 0 ? undefined : refused("is before the first step: leave it out to run the whole flow")
  }
  if (
    from.executionId === "" || (from.executionId === undefined && (from.stepIndex > 0 || from.pending !== undefined))
  ) {
    return refused("names no run to go on with")
  }
  if (from.pending?.toolCalls !== undefined && tools === undefined) return refused("waits for tool results: give tools")
  return from.sessionId === undefined || isHeaderValue(from.sessionId)
    ? undefined
    : problem("from.sessionId", "must be text that a header can carry")
}

const eventsFields = {
  ...interactive,
  ...CallOptions.ofStream,
  messages: CallOptions.refused("cannot be streamed; give message, or use execute"),
  inputOverrides: CallOptions.json(overrides),
  from: CallOptions.anything,
  asNewRun: CallOptions.flag,
  heal: CallOptions.schedule
}

const checkEvents = (input: AnyEventsInput, facts: RefusalFacts | undefined): Problem | undefined =>
  checkTools(input) ?? checkFrom(input, facts?.flow)

/** The decoders of the inputs of streams. */
export const eventsInputs = {
  events: CallOptions.decoder<AnyEventsInput>("input", () => ({
    ...eventsFields,
    runRemaining: CallOptions.flag
  }), checkEvents),
  steps: CallOptions.decoder<AnyEventsInput>("input", () => ({
    ...eventsFields,
    runRemaining: CallOptions.must((value) => value === false, "steps runs one step per request; use events")
  }), checkEvents)
}

export type EventsOnceInputOf<E, R> = Execution.EventsOnceInput<AnyParameters, RunTools<E, R> | undefined>

/** The decoder of the input of a stream that runs once per key. */
export const eventsOnceInput = CallOptions.decoder<AnyEventsInput & EventsOnceInputOf<unknown, unknown>>(
  "input",
  () => ({
    ...eventsFields,
    runRemaining: CallOptions.flag,
    ...once,
    ...takingOver,
    from: CallOptions.refused("is not for a key: go on from a cursor with events"),
    asNewRun: CallOptions.refused("is not for a key: begin at a step with events")
  }),
  checkEvents
)
