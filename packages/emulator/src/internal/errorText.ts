/**
 * What to say of something that was thrown.
 *
 * @internal
 */

/** @internal */
export const errorText = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
