/** Parses the JSON object of a request body. */
import * as Either from "effect/Either"
import { invalid } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import { isObject } from "./jsonObject.js"
import type { JsonObject } from "./jsonObject.js"
import { textNestsTooDeep } from "./nesting.js"

/**
 * The object of a body; any other text is a validation failure.
 *
 * @see contract 16.1
 */
export const parseObject = (text: string): Either.Either<JsonObject, ApiError> => {
  if (textNestsTooDeep(text)) {
    return Either.left(invalid([{ loc: ["body"], msg: "value is nested too deep", type: "value_error.depth" }]))
  }
  return Either.flatMap(
    Either.try({
      try: (): unknown => JSON.parse(text),
      catch: () => invalid([{ loc: ["body"], msg: "body is not valid JSON", type: "value_error.jsondecode" }])
    }),
    (value) =>
      isObject(value)
        ? Either.right(value)
        : Either.left(invalid([{ loc: ["body"], msg: "value is not a valid dict", type: "type_error.dict" }]))
  )
}
