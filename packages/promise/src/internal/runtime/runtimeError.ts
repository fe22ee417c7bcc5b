/** Plain errors: the fields of the SDK's errors, without its classes. */
import { isNoukaiError } from "@effect-noukai/sdk/NoukaiError"
import { NoukaiError } from "../../NoukaiError.js"
import type { RuntimeError } from "../../RuntimeModels.js"
import { fieldOf } from "../json.js"

const hidden = ["cursor", "state"] as const

/** Returns the plain error of an error of this package or of the SDK, and any other value unchanged. */
export const runtimeError = (error: unknown): unknown => {
  const cause = error instanceof NoukaiError ? error.cause : error
  const source = isNoukaiError(cause) ? cause : error
  if (!(source instanceof Error) || !(source instanceof NoukaiError || isNoukaiError(source))) return error
  const tag = isNoukaiError(source) ? source._tag : source.name
  const plain = new Error(source.message, { cause: source.cause })
  const { cause: _, ...fields } = { ...source, _tag: tag }
  Object.assign(plain, fields)
  Object.defineProperty(plain, "name", { value: tag })
  for (const name of hidden) {
    const value = fieldOf(source, name)
    if (value !== undefined) Object.defineProperty(plain, name, { value })
  }
  return plain
}

/** Returns the plain error of an error of the SDK, for the functions of schedules. */
export const plainOf = (error: unknown): RuntimeError => runtimeError(error) as RuntimeError
