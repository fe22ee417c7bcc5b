/**
 * How much of an error's body is waited for: the status says what it means, and the body only tells more.
 *
 * @internal
 */

/** ms from the head on. @internal */
export const timeout = 5000

/** More is not read. @internal */
export const maxBytes: number = 1024 * 1024

/** Whether a status is no error. @internal */
export const isOk = (status: number): boolean => status >= 200 && status <= 299
