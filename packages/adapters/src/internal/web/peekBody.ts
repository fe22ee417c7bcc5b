/**
 * Bodies of responses that may be there whole already, or come piece by piece.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Within } from "../asyncContext.js"

/** @internal */
export interface Whole {
  readonly isWhole: true
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** @internal */
export interface Coming {
  readonly isWhole: false
  /** The next piece; `undefined` at the end. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly cancel: (reason: unknown) => Promise<void>
}

/** One turn of the event loop: by then a body that is there has been given. */
const turn = (): Promise<undefined> => Effect.runPromise(Effect.as(Effect.sleep(0), undefined))

/**
 * Takes at most one piece, and waits for it no longer than a turn.
 *
 * @internal
 */
export const peekBody = async (
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  within: Within
): Promise<Whole | Coming> => {
  const reader = body.getReader()
  const read = () => within(() => reader.read())
  const coming = (pieces: Array<Uint8Array>, pending: ReturnType<typeof read>): Coming => {
    let ahead: typeof pending | undefined = pending
    return {
      isWhole: false,
      next: async () => {
        const piece = pieces.shift()
        if (piece !== undefined) return piece
        const { value } = await (ahead ?? read())
        ahead = undefined
        return value
      },
      cancel: (reason) => within(() => reader.cancel(reason))
    }
  }
  /** What came of a read by now; what breaks is for whoever takes the pieces. */
  const byNow = (pending: ReturnType<typeof read>) => Promise.race([pending.catch(() => undefined), turn()])
  const first = read()
  const head = await byNow(first)
  if (head === undefined) return coming([], first)
  if (head.done) return { isWhole: true, bytes: new Uint8Array(0) }
  const second = read()
  const tail = await byNow(second)
  return tail?.done === true ? { isWhole: true, bytes: head.value } : coming([head.value], second)
}
