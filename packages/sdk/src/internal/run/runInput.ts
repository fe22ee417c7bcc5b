/**
 * The inputs of runs: one Schema for each operation that begins a run or goes on with one.
 *
 * @see contract 5.1, 5.4, 5.5, 6.1
 */
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { EventsInput, ExecuteInput, OnceOptions, ResumeInput, TakeOverOptions } from "../../Execution.js"
import type { AnyParameters } from "../../Flow.js"
import { FlowCursor } from "../../FlowCursor.js"
import { isHandled } from "../../Tools.js"
import { checkJson, checkStored } from "../core/json.js"
import { type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { isOf } from "../core/wire.js"
import { isVersion } from "../options/address.js"
import * as Fields from "../options/fields.js"
import { checkParameters } from "../options/flowCodec.js"
import { isHeaderValue } from "../options/headers.js"
import type { ToolDeclaration } from "./tool.js"
import { isUnresolved, type RunTools, type ToolsOption } from "./toolRound.js"

const roles: ReadonlySet<unknown> = new Set(["user", "assistant", "tool"])

const checkMessages = (path: string, messages: unknown): Problem | undefined => {
  if (!Array.isArray(messages)) return problem(path, "must be an array of messages")
  for (const [index, entry] of messages.entries()) {
    if (!Predicate.isRecord(entry)) return problem(`${path}[${index}]`, "must be an object with a role")
    if (!roles.has(entry.role)) {
      return problem(`${path}[${index}].role`, "must be \"user\", \"assistant\" or \"tool\"")
    }
  }
  return checkJson(path, messages)
}

const checkOverrides = (ofObjects: boolean) => (path: string, overrides: unknown): Problem | undefined => {
  if (!Predicate.isRecord(overrides)) return problem(path, "must be an object keyed by step id")
  const bad = ofObjects ? Object.keys(overrides).find((stepId) => !Predicate.isRecord(overrides[stepId])) : undefined
  return bad === undefined
    ? checkJson(path, overrides)
    : problem(`${path}[${JSON.stringify(bad)}]`, "must be an object of fields")
}

const mimeTypes: ReadonlySet<unknown> = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"])

const maxAttachments = 10
const maxUrlLength = 2048
const maxFilenameLength = 255

const checkAttachment = (at: string, attachment: unknown): Problem | undefined => {
  if (!Predicate.isRecord(attachment)) return problem(at, "must be an object with url and mime_type")
  const { filename, kind, mime_type: mimeType, url } = attachment
  if (kind !== undefined && kind !== "url") return problem(`${at}.kind`, "must be \"url\"")
  if (typeof url !== "string" || !URL.canParse(url) || new URL(url).protocol !== "https:") {
    return problem(`${at}.url`, "must be an https URL")
  }
  if (url.length > maxUrlLength) return problem(`${at}.url`, `must be at most ${maxUrlLength} characters`)
  if (!mimeTypes.has(mimeType)) {
    return problem(`${at}.mime_type`, "must be image/jpeg, image/png, image/webp or image/gif")
  }
  if (filename === undefined) return undefined
  if (typeof filename !== "string" || filename.length > maxFilenameLength || /[\\/]|\.\./.test(filename)) {
    return problem(
      `${at}.filename`,
      `must be a name of at most ${maxFilenameLength} characters without "/", "\\" or ".."`
    )
  }
  return undefined
}

const checkAttachments = (path: string, attachments: unknown): Problem | undefined => {
  if (!Array.isArray(attachments)) return problem(path, "must be an array")
  if (attachments.length > maxAttachments) return problem(path, `must be at most ${maxAttachments}`)
  for (const [index, attachment] of attachments.entries()) {
    const found = checkAttachment(`${path}[${index}]`, attachment)
    if (found !== undefined) return found
  }
  return checkJson(path, attachments)
}

/** Attachments in their form on the wire, where `kind` is always present. */
export const wireAttachments = (
  attachments: ReadonlyArray<object> | undefined
): ReadonlyArray<object> | undefined => attachments?.map((attachment) => ({ kind: "url", ...attachment }))

const maxTools = 64
const toolName = /^[A-Za-z0-9_-]{1,64}$/

const checkDeclarations = (declarations: unknown): Problem | undefined => {
  if (declarations === undefined) return undefined
  if (!Array.isArray(declarations)) return problem("tools", "must be an array of tools, or made by the Tools module")
  if (declarations.length > maxTools) return problem("tools", `must be at most ${maxTools}`)
  const seen = new Set<string>()
  for (const [index, tool] of declarations.entries()) {
    const at = `tools[${index}]`
    if (!Predicate.isRecord(tool) || tool.type !== "function" || !Predicate.isRecord(tool.function)) {
      return problem(at, "must be { type: \"function\", function: { name, description?, parameters? } }")
    }
    const { description, name, parameters } = tool.function
    if (typeof name !== "string" || !toolName.test(name)) {
      return problem(`${at}.function.name`, "must be 1 to 64 letters, digits, \"_\" or \"-\"")
    }
    if (seen.has(name)) return problem(`${at}.function.name`, `${JSON.stringify(name)} is declared twice`)
    seen.add(name)
    if (parameters !== undefined && !Predicate.isRecord(parameters)) {
      return problem(`${at}.function.parameters`, "must be a JSON Schema object")
    }
    if (description !== undefined && typeof description !== "string") {
      return problem(`${at}.function.description`, "must be a string")
    }
  }
  return checkJson("tools", declarations)
}

const checkToolChoice = (
  choice: unknown,
  declarations: ReadonlyArray<unknown> | undefined
): Problem | undefined => {
  if (choice === undefined || choice === "none" || choice === "auto" || choice === "required") {
    return choice === "required" && (declarations === undefined || declarations.length === 0)
      ? problem("toolChoice", "\"required\" needs tools")
      : undefined
  }
  if (!Predicate.isRecord(choice) || choice.type !== "function" || !Predicate.isRecord(choice.function)) {
    return problem(
      "toolChoice",
      "must be \"auto\", \"none\", \"required\" or { type: \"function\", function: { name } }"
    )
  }
  const { name } = choice.function
  const declared = declarations?.some((tool) =>
    Predicate.isRecord(tool) && Predicate.isRecord(tool.function) && tool.function.name === name
  )
  return declared === true
    ? checkJson("toolChoice", choice)
    : problem("toolChoice.function.name", "must name one of the tools")
}

/** The declarations of tools, for the request. */
export const declarationsOf = (
  tools: RunTools<unknown, unknown> | undefined
): ReadonlyArray<ToolDeclaration> | undefined => isHandled(tools) ? tools.declarations : tools

/** Checks the tools of a run; a toolkit that is still to be provided is checked later. */
export const checkTools = ({ toolChoice, tools }: {
  readonly toolChoice?: unknown
  readonly tools?: ToolsOption<unknown, unknown> | undefined
}): Problem | undefined => {
  if (isUnresolved(tools)) return undefined
  if (isHandled(tools)) {
    const found = typeof tools.run === "function"
      ? tools.problem
      : problem("tools", "have no handler that is a function")
    if (found !== undefined) return found
  }
  const declarations = declarationsOf(tools)
  return checkDeclarations(declarations) ?? checkToolChoice(toolChoice, declarations)
}

/** The options of every request that may begin a run. */
export const begun = {
  ...Fields.ofCall,
  message: Fields.text,
  parameters: Fields.checked(checkParameters),
  blockOverrides: Fields.checked(checkOverrides(true)),
  snapshots: Fields.flag,
  trace: Fields.refused("is not an option: did you mean snapshots?"),
  version: Fields.version,
  sessionId: Fields.sessionId,
  timeout: Fields.duration
}

const answering = {
  tools: Fields.anything,
  maxToolRounds: Fields.count(0),
  toolConcurrency: Fields.count(1),
  onToolFailure: Fields.oneOf("fail", "report")
}

const interactive = {
  ...begun,
  ...answering,
  attachments: Fields.checked(checkAttachments),
  toolChoice: Fields.anything,
  maxCostUsd: Fields.costLimit
}

export const once = {
  rerunFailed: Fields.flag,
  settle: Fields.finiteDuration,
  sessionId: Fields.refused("is made of the key here: leave it out")
}

export type ExecuteInputOf<E, R> = ExecuteInput<
  AnyParameters,
  ToolsOption<E, R> | undefined,
  Effect.Effect<void, E, R>
>

type AnyExecuteInput = ExecuteInputOf<unknown, unknown>

/** Only runs that are requested step by step can be stopped between their steps. */
const checkWalk = ({ maxCostUsd, messages, version }: AnyExecuteInput): Problem | undefined =>
  maxCostUsd === undefined
    ? undefined
    : messages !== undefined && messages.length > 0
    ? problem("maxCostUsd", "cannot limit a run of messages, which is one request: give message, or no maxCostUsd")
    : version === "draft" || version === 0
    ? problem(
      "maxCostUsd",
      "cannot limit a run of the draft, which is one request: give another version, or no maxCostUsd"
    )
    : undefined

const checkExecute = (input: AnyExecuteInput): Problem | undefined =>
  (input.message !== undefined && input.messages !== undefined && input.messages.length > 0
    ? problem("messages", "give either message or messages, not both")
    : undefined) ??
    checkTools(input) ??
    checkWalk(input)

const executeFields = { ...interactive, messages: Fields.checked(checkMessages), onPause: Fields.callback }

export const executeInput = Fields.decoder<AnyExecuteInput>("input", () => executeFields, checkExecute)

export type ExecuteOnceInputOf<E, R> = ExecuteInputOf<E, R> & OnceOptions & TakeOverOptions

export const executeOnceInput = Fields.decoder<ExecuteOnceInputOf<unknown, unknown>>("input", () => ({
  ...executeFields,
  ...once,
  takeOver: Fields.flag,
  maxCostUsd: Fields.refused("cannot limit a run of executeOnce, which is one request: use execute, or a Budget")
}), checkExecute)

export type ResumeInputOf<E, R> = ResumeInput<ToolsOption<E, R> | undefined, Effect.Effect<void, E, R>>

export const resumeInput = Fields.decoder<ResumeInputOf<unknown, unknown>>("input", () => ({
  ...Fields.ofCall,
  ...answering,
  timeout: Fields.duration,
  maxCostUsd: Fields.costLimit,
  onPause: Fields.callback
}), checkTools)

export type EventsInputOf<E, R> = EventsInput<AnyParameters, ToolsOption<E, R> | undefined>

type AnyEventsInput = EventsInputOf<unknown, unknown>

const isCursor = isOf(FlowCursor)

const checkFrom = ({ from, tools, version }: AnyEventsInput, addressText: string | undefined): Problem | undefined => {
  if (from === undefined) return undefined
  const unwritten = checkStored("from", from)
  if (unwritten !== undefined) return unwritten
  const refused = (reason: string): Problem => problem("from", reason)
  if (!isCursor(from) || !isVersion(from.flowVersion)) return refused("is not the cursor of a run")
  if (from.flow !== addressText) return refused(`is of another flow, ${from.flow}`)
  if (version !== undefined && version !== from.flowVersion) {
    return refused(`is of another version, ${JSON.stringify(from.flowVersion)}`)
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
  ...Fields.ofStream,
  messages: Fields.refused("cannot be streamed; give message, or use execute"),
  inputOverrides: Fields.checked(checkOverrides(false)),
  from: Fields.anything,
  heal: Fields.schedule
}

const checkEvents = (input: AnyEventsInput, facts: RefusalFacts | undefined): Problem | undefined =>
  checkTools(input) ?? checkFrom(input, facts?.flow)

/** The decoders of the inputs of streams. */
export const eventsInputs = {
  events: Fields.decoder<AnyEventsInput>("input", () => ({
    ...eventsFields,
    runRemaining: Fields.flag
  }), checkEvents),
  steps: Fields.decoder<AnyEventsInput>("input", () => ({
    ...eventsFields,
    runRemaining: Fields.must((value) => value === false, "steps runs one step per request; use events")
  }), checkEvents)
}
