/** Objects of the server under declared fields: fields that the types do not know are kept, as in `@noukai/sdk`. */
import * as Predicate from "effect/Predicate"

export type Json = { readonly [key: string]: unknown }

/** The declared fields over those that were received; alone if `raw` is no object. */
export const overReceived = <A extends object>(raw: unknown, declared: A): A =>
  Predicate.isRecord(raw) ? { ...raw, ...declared } : declared

export const fieldOf = (raw: unknown, key: string | number): unknown =>
  typeof raw === "object" && raw !== null ? (raw as { readonly [key: string | number]: unknown })[key] : undefined
