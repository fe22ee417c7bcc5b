/**
 * @internal
 */

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
