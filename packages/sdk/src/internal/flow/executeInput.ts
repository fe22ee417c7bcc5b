/**
 * Checks of the input of a run, made before anything is sent. Each gives the problem, or `undefined`.
 *
 * @see contract 5.1, 5.4, 5.5, 6.1
 */
import * as Predicate from "effect/Predicate"
import type { ExecuteOptions } from "../../ExecuteInput.js"
import { type Problem, problem } from "../errors/makeError.js"
import type { CallOptions } from "../input/callOptions.js"
import { checkCall, checkFlag, checkSessionId, checkText } from "../input/checks.js"
import { checkJson } from "../input/json.js"

export type { Problem } from "../errors/makeError.js"

const roles: ReadonlySet<unknown> = new Set(["user", "assistant", "tool"])

export const checkMessages = (message: unknown, messages: unknown): Problem | undefined => {
  if (messages === undefined) return checkText("message", message)
  if (!Array.isArray(messages)) return problem("messages", "must be an array of messages")
  if (message !== undefined && messages.length > 0) {
    return problem("messages", "give either message or messages, not both")
  }
  for (const [index, entry] of messages.entries()) {
    if (!Predicate.isRecord(entry)) return problem(`messages[${index}]`, "must be an object with a role")
    if (!roles.has(entry.role)) {
      return problem(`messages[${index}].role`, "must be \"user\", \"assistant\" or \"tool\"")
    }
  }
  return checkText("message", message) ?? checkJson("messages", messages)
}

export const checkParameters = (parameters: unknown): Problem | undefined => {
  if (parameters === undefined) return undefined
  if (!Predicate.isRecord(parameters)) return problem("parameters", "must be an object of named inputs")
  return "attachments" in parameters
    ? problem("parameters.attachments", "is a reserved name; use the attachments option")
    : undefined
}

export const checkOverrides = (field: string, overrides: unknown, ofObjects: boolean): Problem | undefined => {
  if (overrides === undefined) return undefined
  if (!Predicate.isRecord(overrides)) return problem(field, "must be an object keyed by step id")
  const bad = ofObjects ? Object.keys(overrides).find((stepId) => !Predicate.isRecord(overrides[stepId])) : undefined
  return bad === undefined
    ? checkJson(field, overrides)
    : problem(`${field}[${JSON.stringify(bad)}]`, "must be an object of fields")
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

export const checkAttachments = (attachments: unknown): Problem | undefined => {
  if (attachments === undefined) return undefined
  if (!Array.isArray(attachments)) return problem("attachments", "must be an array")
  if (attachments.length > maxAttachments) return problem("attachments", `must be at most ${maxAttachments}`)
  for (const [index, attachment] of attachments.entries()) {
    const found = checkAttachment(`attachments[${index}]`, attachment)
    if (found !== undefined) return found
  }
  return checkJson("attachments", attachments)
}

/** Attachments in their form on the wire, where `kind` is always present. */
export const wireAttachments = (
  attachments: ReadonlyArray<object> | undefined
): ReadonlyArray<object> | undefined => attachments?.map((attachment) => ({ kind: "url", ...attachment }))

const maxTools = 64
const toolName = /^[A-Za-z0-9_-]{1,64}$/

export const checkDeclarations = (declarations: unknown): Problem | undefined => {
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
    const found = checkText(`${at}.function.description`, description)
    if (found !== undefined) return found
  }
  return checkJson("tools", declarations)
}

export const checkToolChoice = (
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

/** Checks the options of every request that may begin a run. */
export const checkRun = (input: CallOptions & Pick<ExecuteOptions, "trace" | "sessionId">): Problem | undefined =>
  checkFlag("trace", input.trace) ?? checkSessionId("sessionId", input.sessionId) ?? checkCall(input)
