/** JSON of the server. Fields that the types do not declare are kept, as in `@noukai/sdk`. */
import * as Predicate from "effect/Predicate"

export type Json = { readonly [key: string]: unknown }

/** The declared fields over those that were received; alone if `raw` is no object. */
export const overReceived = <A extends object>(raw: unknown, declared: A): A =>
  Predicate.isRecord(raw) ? { ...raw, ...declared } : declared

export const fieldOf = (raw: unknown, key: string | number): unknown =>
  typeof raw === "object" && raw !== null ? (raw as { readonly [key: string | number]: unknown })[key] : undefined

/** The JSON value of a body, or its text if it is no JSON. */
export const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Adds a property that `JSON.stringify` and comparisons do not see. */
export const hide = <A extends object, K extends string, V>(
  fields: A,
  key: K,
  value: V
): A & { readonly [_ in K]: V } =>
  Object.defineProperty(fields, key, { value, enumerable: false }) as A & { readonly [_ in K]: V }
