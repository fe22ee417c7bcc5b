/** Translates options into inputs of the SDK, which checks them. */
import type {
  Attachment,
  EventsInput,
  EventsOnceInput,
  ExecuteInput,
  ExecuteOnceInput,
  ResumeInput
} from "@effect-noukai/sdk/Execution"
import type { AnyParameters } from "@effect-noukai/sdk/Flow"
import type { FlowCursor, PausedState } from "@effect-noukai/sdk/FlowCursor"
import type { SubmitInput, SubmitOnceInput } from "@effect-noukai/sdk/JobService"
import { isCount, isFields, isNumber, unknownName } from "@effect-noukai/sdk/kit/names"
import {
  forNames,
  type PlainOption,
  plainOptions,
  plainQueued,
  runFieldNames,
  unqueuedFields
} from "@effect-noukai/sdk/kit/runOptions"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type {
  EventsOnceOptions,
  EventsOptions,
  ExecuteAsyncOnceOptions,
  ExecuteAsyncOptions,
  ExecuteOnceOptions,
  ExecuteOptions,
  OnceOptions,
  ResumeOptions,
  StepsOptions
} from "../../FlowOptions.js"
import type { Thrown } from "../errors/thrown.js"
import { fieldOf } from "../json.js"
import { reading, refusal } from "../options/reading.js"
import type { Names } from "../options/unknown.js"
import { inContextOfNow, type ToolsInput, toolsOf } from "../tools/toolHandling.js"
import { attachmentsOf } from "./attachments.js"

export const executeNames: Names<ExecuteOptions> = {
  ...forNames(runFieldNames, () => true as const),
  toolHandler: true,
  maxToolRounds: true,
  maxCostUsd: true,
  version: true,
  timeout: true,
  signal: true,
  sessionId: true,
  onPause: true
}

export const resumeNames: Names<ResumeOptions> = {
  toolResults: true,
  tools: true,
  toolHandler: true,
  maxToolRounds: true,
  maxCostUsd: true,
  timeout: true,
  signal: true,
  onPause: true
}

/** `executeAsync` refuses the options that the queue does not take, with its reason. */
export const submitNames: Names<ExecuteOptions & ExecuteAsyncOptions> = {
  ...executeNames,
  callback: { url: true, nudges: true }
}

const keyedNames: Names<OnceOptions> = { rerunFailed: true, settle: true }

export const submitOnceNames: Names<ExecuteOptions & ExecuteAsyncOnceOptions> = { ...submitNames, ...keyedNames }

/** The SDK refuses `sessionId` and `maxCostUsd` with their reasons. */
export const onceNames: Names<ExecuteOptions & ExecuteOnceOptions> = { ...executeNames, ...keyedNames, takeOver: true }

/** Also of `steps`. The SDK refuses `messages` with its reason. */
export const eventsNames: Names<ExecuteOptions & EventsOptions> = {
  ...executeNames,
  inputOverrides: true,
  runRemaining: true,
  from: true,
  heal: { attempts: true, delay: true }
}

export const eventsOnceNames: Names<ExecuteOptions & EventsOnceOptions> = {
  ...eventsNames,
  ...keyedNames,
  takeOver: true,
  silence: true
}

/**
 * Returns `undefined` for `null`.
 *
 * @see docs/wire.md#json
 */
const given = <A>(value: A | null | undefined): A | undefined => value ?? undefined

/** Options of `execute` that the queue does not support. Without them, another run would start. */
const notQueued = [...unqueuedFields, "toolHandler", "maxToolRounds", "maxCostUsd", "onPause"] as const

/** Returns the options that are sent as they are. The SDK checks them. */
const plain = <N extends PlainOption>(
  names: ReadonlyArray<N>,
  options: Pick<ExecuteOptions, N>
): Pick<ExecuteInput, N> => {
  const input: { [name: string]: unknown } = {}
  for (const name of names) input[name] = given(options[name])
  return input as Pick<ExecuteInput, N>
}

/** Returns the input of a job. Throws a refusal for an option that the queue does not support. */
export const submitInput = (operation: string, options: ExecuteAsyncOptions): SubmitInput => {
  const all: ExecuteAsyncOptions & { readonly [K in typeof notQueued[number]]?: unknown } = options
  const refused = notQueued.find((name) => given(all[name]) !== undefined)
  if (refused !== undefined) throw refusal(operation, refused, "is not taken by the queue: use execute")
  return {
    parameters: given(options.parameters),
    snapshots: given(options.trace),
    version: given(options.version),
    sessionId: given(options.sessionId),
    attemptTimeout: given(options.timeout),
    callback: given(options.callback),
    ...plain(plainQueued, options)
  }
}

type Hook = Effect.Effect<void, Thrown>

/** Returns the hook of pauses as the SDK calls it. The SDK refuses one that is not a function. */
const hookOf = (onPause: ExecuteOptions["onPause"] | null): ((state: PausedState) => Hook) | undefined => {
  if (typeof onPause !== "function") return onPause ?? undefined
  const inContext = inContextOfNow()
  return (state) =>
    inContext(async () => {
      await onPause(state)
    })
}

export const executeInput = (
  options: ExecuteOptions
): ExecuteInput<AnyParameters, ToolsInput, Hook> => ({
  parameters: given(options.parameters),
  attachments: given(attachmentsOf(options.attachments)) as ReadonlyArray<Attachment> | undefined,
  tools: toolsOf(given(options.tools), given(options.toolHandler)),
  maxToolRounds: given(options.maxToolRounds),
  maxCostUsd: given(options.maxCostUsd),
  snapshots: given(options.trace),
  version: given(options.version),
  sessionId: given(options.sessionId),
  attemptTimeout: given(options.timeout),
  onPause: hookOf(options.onPause),
  // last, because V8 is slow where fields follow a merged object
  ...plain(plainOptions, options)
})

const onceInput = ({ rerunFailed, settle }: OnceOptions) => ({
  rerunFailed: given(rerunFailed),
  settle: given(settle)
})

export const executeOnceInput = (options: ExecuteOnceOptions): ExecuteOnceInput<AnyParameters, ToolsInput, Hook> => ({
  // the SDK refuses a session
  ...executeInput(options),
  ...onceInput(options),
  takeOver: given(options.takeOver)
})

export const resumeInput = (options: Partial<ResumeOptions>): ResumeInput<ToolsInput, Hook> => ({
  tools: toolsOf(given(options.tools), given(options.toolHandler)),
  maxToolRounds: given(options.maxToolRounds),
  maxCostUsd: given(options.maxCostUsd),
  attemptTimeout: given(options.timeout),
  onPause: hookOf(options.onPause)
})

export const submitOnceInput = (operation: string, options: ExecuteAsyncOnceOptions): SubmitOnceInput => ({
  ...submitInput(operation, options),
  ...onceInput(options)
})

/** Throws a refusal of a version that has no stream, at the call as `@noukai/sdk` does. */
export const checkStreamed = (operation: string, options: EventsOptions | undefined): void =>
  reading(operation, "version", () => checkVersion(operation, given(fieldOf(options, "version"))))

const checkVersion = (operation: string, version: unknown): void => {
  if (version === undefined || version === "production") return
  if (version === "draft" || version === 0) {
    throw refusal(operation, "version", "the draft cannot be streamed: use execute, or a published version")
  }
  if (Number.isSafeInteger(version) && Number(version) > 0) return
  throw refusal(operation, "version", `is ${String(version)}, and must be "production" or a whole number of at least 1`)
}

/** The longest wait before a cut stream goes on, in milliseconds. */
const longestDelay = 30_000

/** Returns the schedule by which a cut stream goes on. Throws a refusal of a wrong one. */
const healOf = (operation: string, heal: StepsOptions["heal"] | null): EventsInput["heal"] => {
  if (heal === undefined || heal === null || heal === false) return undefined
  if (heal !== true && !isFields(heal)) throw refusal(operation, "heal", "must be true, false or { attempts, delay }")
  const { attempts = 5, delay = 500, ...others } = heal === true ? {} : heal
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw refusal(operation, `heal.${unknown}`, unknownName(unknown, ["attempts", "delay"]))
  if (!isCount(attempts, 1)) throw refusal(operation, "heal.attempts", "must be an integer of at least 1")
  if (!isNumber(delay, 0)) throw refusal(operation, "heal.delay", "must be a number of milliseconds, at least 0")
  return Schedule.exponential(delay).pipe(
    Schedule.modifyDelay((_, wait) => Duration.min(wait, longestDelay)),
    Schedule.intersect(Schedule.recurs(attempts))
  )
}

export const eventsInput = (operation: string, options: EventsOptions): EventsInput<AnyParameters, ToolsInput> => {
  const { attemptTimeout, onPause, ...input } = executeInput(options)
  if (onPause !== undefined) {
    throw refusal(operation, "onPause", "is not taken by a stream: store `cursor` of its event tool_calls_required")
  }
  return {
    ...input,
    // the SDK checks it
    from: given(options.from) as FlowCursor | undefined,
    heal: healOf(operation, options.heal),
    version: input.version as EventsInput["version"],
    inputOverrides: given(options.inputOverrides),
    runRemaining: given(options.runRemaining),
    firstByteTimeout: attemptTimeout,
    idleTimeout: attemptTimeout
  }
}

export const eventsOnceInput = (options: EventsOnceOptions): EventsOnceInput<AnyParameters, ToolsInput> => ({
  // the SDK refuses a session and a cursor
  ...eventsInput("flow.eventsOnce", options),
  ...onceInput(options),
  takeOver: given(options.takeOver),
  silence: given(options.silence)
})
