/**
 * Scrubbing of a text that arrives in chunks and is used in pieces: the pieces are searched only once a chunk has had
 * something to remove, since one search through a chunk costs a fraction of one through each of its pieces.
 *
 * @internal
 */
export interface Scrubbing {
  readonly see: (chunk: string) => void
  readonly scrub: (piece: string) => string
}

/** Longer than any secret, so that one which two chunks share is seen. */
const edge = 512

/** @internal */
export const scrubbing = (scrub: (text: string) => string): Scrubbing => {
  let tail = ""
  let found = false
  return {
    see: (chunk) => {
      if (found) return
      const seam = tail === "" ? "" : tail + chunk.slice(0, edge)
      found = scrub(chunk) !== chunk || scrub(seam) !== seam
      tail = chunk.length < edge ? (tail + chunk).slice(-edge) : chunk.slice(-edge)
    },
    scrub: (piece) => found ? scrub(piece) : piece
  }
}
