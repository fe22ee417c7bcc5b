/**
 * The text of a thrown value.
 *
 * @internal
 */

/** @internal */
export const errorText = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
