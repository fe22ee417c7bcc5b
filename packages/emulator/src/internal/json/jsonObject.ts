/**
 * JSON objects, told from lists and from `null`.
 *
 * @internal
 */
import type { Json } from "../../Flow.js"

/** @internal */
export interface JsonObject {
  readonly [key: string]: Json
}

/** For values that are JSON. @internal */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
