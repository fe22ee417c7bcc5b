/** Checks of a request beyond its JSON types: messages, attachments, tools, and the flow itself. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import * as Either from "effect/Either"
import type { Json, Step } from "../../Flow.js"
import { type ApiError, invalid, refuse, type ValidationIssue } from "../apiError.js"
import type { Tree } from "../flow/flows.js"
import { isObject, type JsonObject } from "../json.js"

type Check = Either.Either<void, ApiError>

/**
 * Refuses `INVALID_TREE` and `NO_STEPS`.
 *
 * @see docs/wire.md#codes
 */
export const executable = (tree: Tree): Check => {
  if (tree.broken !== undefined) return refuse(400, "INVALID_TREE", tree.broken)
  return tree.steps.length === 0 ? refuse(400, "NO_STEPS", `${tree.ref} has no steps.`) : Either.void
}

/**
 * Checks the names of parameters.
 *
 * @see docs/wire.md#execute
 */
export const parameterNames = (parameters: JsonObject | undefined): Check =>
  parameters !== undefined && Object.hasOwn(parameters, "attachments")
    ? refuse(400, "PARAMETER_NAME_RESERVED", "A parameter cannot be named attachments.")
    : Either.void

const maxMessageBytes = 1_000_000

/**
 * Limits the bytes of `messages` and `toolCallMessages`.
 *
 * @see docs/wire.md#execute
 */
export const messageSize = (name: string, messages: ReadonlyArray<Json> | undefined): Check =>
  messages !== undefined && Buffer.byteLength(JSON.stringify(messages)) > maxMessageBytes
    ? refuse(413, "MESSAGES_TOO_LARGE", `${name} is larger than ${maxMessageBytes} bytes.`)
    : Either.void

const roles: ReadonlySet<unknown> = new Set(["user", "assistant", "tool"])

/**
 * Checks the roles of a conversation.
 *
 * @see docs/wire.md#messages
 */
export const messageRoles = (messages: ReadonlyArray<JsonObject> | undefined): Check => {
  const missing = (messages ?? []).flatMap((entry, index): Array<ValidationIssue> =>
    entry.role === undefined
      ? [{ loc: ["body", "messages", index, "role"], msg: "field required", type: "value_error.missing" }]
      : []
  )
  if (missing.length > 0) return Either.left(invalid(missing))
  const odd = (messages ?? []).find((entry) => !roles.has(entry.role))
  return odd === undefined
    ? Either.void
    : refuse(400, "MESSAGES_ROLE_INVALID", `A message cannot have the role ${JSON.stringify(odd.role)}.`)
}

/**
 * Refuses `messages` together with `message`.
 *
 * @see docs/wire.md#execute
 */
export const oneOfMessages = (message: string | undefined, messages: ReadonlyArray<Json> | undefined): Check =>
  message !== undefined && messages !== undefined && messages.length > 0
    ? Either.left(
      invalid([{
        loc: ["body", "messages"],
        msg: "message and messages exclude each other",
        type: "value_error.exclusive"
      }])
    )
    : Either.void

/**
 * Refuses a request without message and parameters if the flow needs a message.
 *
 * @see docs/wire.md#execute
 */
export const hasMessage = (
  tree: Tree,
  input: {
    readonly message: string | undefined
    readonly messages: ReadonlyArray<Json> | undefined
    readonly parameters: JsonObject | undefined
  }
): Check => {
  const given = (input.message ?? "") !== "" || (input.messages ?? []).length > 0 ||
    Object.keys(input.parameters ?? {}).length > 0
  return given || !tree.needsMessage
    ? Either.void
    : refuse(400, "MISSING_MESSAGE", `${tree.ref} needs a message.`)
}

const mimeTypes: ReadonlySet<unknown> = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"])

const attachmentIssues = (attachment: Json, index: number): ReadonlyArray<ValidationIssue> => {
  const issue = (key: string | undefined, msg: string, type: string): ValidationIssue => ({
    loc: key === undefined ? ["body", "attachments", index] : ["body", "attachments", index, key],
    msg,
    type
  })
  if (!isObject(attachment)) return [issue(undefined, "value is not a valid dict", "type_error.dict")]
  const { filename, kind = "url", url, ...rest } = attachment
  const mimeType = rest.mime_type ?? rest.mimeType
  const issues: Array<ValidationIssue> = []
  if (kind !== "url") issues.push(issue("kind", "unexpected value; permitted: 'url'", "value_error.const"))
  if (url === undefined) issues.push(issue("url", "field required", "value_error.missing"))
  else if (typeof url !== "string" || !URL.canParse(url) || new URL(url).protocol !== "https:") {
    issues.push(issue("url", "must be an https URL", "value_error.url"))
  } else if (url.length > 2_048) {
    issues.push(issue("url", "ensure this value has at most 2048 characters", "value_error.any_str.max_length"))
  }
  if (mimeType === undefined) issues.push(issue("mime_type", "field required", "value_error.missing"))
  else if (!mimeTypes.has(mimeType)) {
    issues.push(issue("mime_type", `permitted: ${[...mimeTypes].join(", ")}`, "value_error.const"))
  }
  if (filename !== undefined && filename !== null) {
    if (typeof filename !== "string") issues.push(issue("filename", "str type expected", "type_error.str"))
    else if (filename.length > 255) {
      issues.push(issue("filename", "ensure this value has at most 255 characters", "value_error.any_str.max_length"))
    } else if (/[/\\]|\.\./.test(filename)) {
      issues.push(issue("filename", "must not contain /, \\ or ..", "value_error.filename"))
    }
  }
  return issues
}

const maxAttachments = 10

/**
 * Checks the attachments.
 *
 * @see docs/wire.md#attachments
 */
export const attachments = (tree: Tree, list: ReadonlyArray<Json> | undefined): Check => {
  if (list === undefined || list.length === 0) return Either.void
  const issues = list.length > maxAttachments
    ? [{
      loc: ["body", "attachments"],
      msg: `ensure this value has at most ${maxAttachments} items`,
      type: "value_error.list.max_items"
    }]
    : list.flatMap(attachmentIssues)
  if (issues.length > 0) return Either.left(invalid(issues))
  return tree.vision
    ? Either.void
    : refuse(400, "MODEL_MIME_INCOMPATIBLE", `The model of ${tree.ref} does not see images.`)
}

const maxTools = 64

const toolNameGrammar = /^[A-Za-z0-9_-]{1,64}$/

const hasToolInLoop = (steps: ReadonlyArray<Step>): boolean =>
  steps.some((step) => step.kind === "loop" && step.steps.some((inner) => inner.kind === "tool"))

const toolNames = (list: ReadonlyArray<Json>): Either.Either<ReadonlySet<string>, ApiError> => {
  const names = new Set<string>()
  for (const [index, tool] of list.entries()) {
    const declared = isObject(tool) && tool.type === "function" ? tool.function : undefined
    const refuseTool = (why: string) => refuse(400, "TOOLS_INVALID", `tools[${index}]: ${why}.`)
    if (!isObject(declared) || typeof declared.name !== "string") return refuseTool("not in the function format")
    if (!toolNameGrammar.test(declared.name)) {
      return refuse(400, "TOOL_NAME_INVALID", `tools[${index}]: ${JSON.stringify(declared.name)} is not a valid name.`)
    }
    if (names.has(declared.name)) return refuseTool(`${declared.name} is declared twice`)
    if (declared.description !== undefined && typeof declared.description !== "string") {
      return refuseTool("the description is not text")
    }
    if (
      declared.parameters !== undefined && (!isObject(declared.parameters) || declared.parameters.type !== "object")
    ) {
      return refuseTool("parameters must be a JSON Schema of an object")
    }
    names.add(declared.name)
  }
  return Either.right(names)
}

/**
 * Checks the declared tools and the tool choice.
 *
 * @see docs/wire.md#tools
 */
export const tools = (tree: Tree, list: ReadonlyArray<Json> | undefined, choice: Json | undefined): Check => {
  if (list === undefined || list.length === 0) return Either.void
  if (!tree.toolsEnabled) return refuse(400, "TOOLS_NOT_ENABLED", `${tree.ref} does not allow tools.`)
  if (list.length > maxTools) return refuse(400, "TOOLS_INVALID", `At most ${maxTools} tools are allowed.`)
  return Either.flatMap(toolNames(list), (names) => {
    const forced = isObject(choice) && isObject(choice.function) ? choice.function.name : undefined
    if (typeof forced === "string" && !names.has(forced)) {
      return refuse(400, "TOOLS_INVALID", `toolChoice names ${forced}, which is not declared.`)
    }
    return hasToolInLoop(tree.steps)
      ? refuse(400, "TOOLS_IN_NON_SEQUENTIAL_STEP", `${tree.ref} uses tools inside a loop.`)
      : Either.void
  })
}

/**
 * The session id of a request. An empty header counts as absent. Refuses text that is not a UUID.
 *
 * @see docs/wire.md#sessions
 */
export const sessionIdOf = (
  headers: { readonly [name: string]: string }
): Either.Either<string | undefined, ApiError> => {
  const value = headers["x-session-id"]?.trim() ?? ""
  if (value === "") return Either.right(undefined)
  return isUuid(value)
    ? Either.right(value.toLowerCase())
    : refuse(400, "BAD_REQUEST", "X-Session-Id must be a UUID.")
}
