/**
 * `fetch` in a browser answers a redirect that it does not follow with an opaque response: status 0 and nothing else.
 *
 * @internal
 */

/**
 * A status as it came, and 302, the plainest redirect, for an opaque one.
 *
 * @internal
 */
export const redirectStatus = (status: number): number => status === 0 ? 302 : status
