/**
 * Milliseconds that the body of an error is waited for, from the head on: the status says what it means, and the body only
 * tells more.
 *
 * @internal
 */
export const timeout = 5000

/** Bytes of an error's body that are read at most. @internal */
export const maxBytes: number = 1024 * 1024

/** Whether a status is no error. @internal */
export const isOk = (status: number): boolean => status >= 200 && status <= 299

/**
 * The parts as one; a single part is not copied.
 *
 * @param size of all of them together
 *
 * @internal
 */
export const concat = (parts: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  if (parts.length === 1) {
    return parts[0]!
  }
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/**
 * A status as it came, and 302, the plainest redirect, for status 0: the opaque response that `fetch` of a browser gives
 * for a redirect that it does not follow.
 *
 * @internal
 */
export const redirectStatus = (status: number): number => status === 0 ? 302 : status
