/** Translates options into inputs of the SDK, which checks them. */
import type { Attachment, EventsInput, ExecuteInput, ExecuteOnceInput } from "@effect-noukai/sdk/Execution"
import type { AnyParameters } from "@effect-noukai/sdk/Flow"
import type { SubmitInput, SubmitOnceInput } from "@effect-noukai/sdk/JobService"
import {
  forNames,
  type PlainOption,
  plainOptions,
  plainQueued,
  runFieldNames,
  unqueuedFields
} from "@effect-noukai/sdk/kit/runOptions"
import type {
  EventsOptions,
  ExecuteAsyncOnceOptions,
  ExecuteAsyncOptions,
  ExecuteOnceOptions,
  ExecuteOptions,
  OnceOptions
} from "../../FlowOptions.js"
import { fieldOf } from "../json.js"
import { reading, refusal } from "../options/reading.js"
import type { Names } from "../options/unknown.js"
import { type ToolsInput, toolsOf } from "../tools/toolHandling.js"
import { attachmentsOf } from "./attachments.js"

export const executeNames: Names<ExecuteOptions> = {
  ...forNames(runFieldNames, () => true as const),
  toolHandler: true,
  maxToolRounds: true,
  maxCostUsd: true,
  version: true,
  timeout: true,
  signal: true,
  sessionId: true
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
  runRemaining: true
}

/**
 * Returns `undefined` for `null`.
 *
 * @see docs/wire.md#json
 */
const given = <A>(value: A | null | undefined): A | undefined => value ?? undefined

/** Options of `execute` that the queue does not support. Without them, another run would start. */
const notQueued = [...unqueuedFields, "toolHandler", "maxToolRounds", "maxCostUsd"] as const

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

export const executeInput = (
  options: ExecuteOptions
): ExecuteInput<AnyParameters, ToolsInput> => ({
  parameters: given(options.parameters),
  attachments: given(attachmentsOf(options.attachments)) as ReadonlyArray<Attachment> | undefined,
  tools: toolsOf(given(options.tools), given(options.toolHandler)),
  maxToolRounds: given(options.maxToolRounds),
  maxCostUsd: given(options.maxCostUsd),
  snapshots: given(options.trace),
  version: given(options.version),
  sessionId: given(options.sessionId),
  attemptTimeout: given(options.timeout),
  // last, because V8 is slow where fields follow a merged object
  ...plain(plainOptions, options)
})

const onceInput = ({ rerunFailed, settle }: OnceOptions) => ({
  rerunFailed: given(rerunFailed),
  settle: given(settle)
})

export const executeOnceInput = (options: ExecuteOnceOptions): ExecuteOnceInput<AnyParameters, ToolsInput> => ({
  // the SDK refuses a session and a limit
  ...executeInput(options),
  ...onceInput(options),
  takeOver: given(options.takeOver)
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

export const eventsInput = (options: EventsOptions): EventsInput<AnyParameters, ToolsInput> => {
  const { attemptTimeout, ...input } = executeInput(options)
  return {
    ...input,
    version: input.version as EventsInput["version"],
    inputOverrides: given(options.inputOverrides),
    runRemaining: given(options.runRemaining),
    firstByteTimeout: attemptTimeout,
    idleTimeout: attemptTimeout
  }
}
