/** JSON objects, as distinct from lists and `null`. */
import type { Json } from "../../Flow.js"

export interface JsonObject {
  readonly [key: string]: Json
}

/** Whether a JSON value is an object. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
