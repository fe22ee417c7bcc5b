/**
 * What the server sent under what is declared: fields that the types do not know stay, as in `@noukai/sdk`.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"

/** @internal */
export type Json = { readonly [key: string]: unknown }

/**
 * Declared fields over those that were sent. Of nothing that was sent, they are all there is.
 *
 * @internal
 */
export const overReceived = <A extends object>(raw: unknown, declared: A): A =>
  Predicate.isRecord(raw) ? { ...raw, ...declared } : declared

/** @internal */
export const fieldOf = (raw: unknown, key: string | number): unknown =>
  typeof raw === "object" && raw !== null ? (raw as { readonly [key: string | number]: unknown })[key] : undefined
