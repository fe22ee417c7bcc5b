/**
 * The time to wait for the body of an error, from the head on, in milliseconds: the status tells the error, and the
 * body only adds to it.
 */
export const timeout = 5000

/** The limit of the body of an error, in bytes. */
export const maxBytes: number = 1024 * 1024

/** Whether a status is no error. */
export const isOk = (status: number): boolean => status >= 200 && status <= 299

/** The size of all parts together, in bytes. */
export const sizeOf = (parts: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const part of parts) size += part.length
  return size
}

/**
 * The parts as one; a single part is not copied.
 *
 * @param size of all of them together
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
 * The status of a response, and 302, the plainest redirect, for status 0: the opaque response that `fetch` of a browser
 * gives for a redirect that it does not follow.
 */
export const redirectStatus = (status: number): number => status === 0 ? 302 : status
