/** Distinguishes a response body that is already complete from one that arrives piece by piece. */
import * as Effect from "effect/Effect"
import type { ContextRunner } from "../asyncContext.js"

export interface WholeBody {
  readonly isWhole: true
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface PiecewiseBody {
  readonly isWhole: false
  /** The next piece; `undefined` at the end. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly cancel: (reason: unknown) => Promise<void>
}

/** One turn of the event loop. A complete body has arrived after it. */
const turn = (): Promise<undefined> => Effect.runPromise(Effect.as(Effect.sleep(0), undefined))

/** Takes at most one piece, and waits for it at most one turn. */
export const peekBody = async (
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  within: ContextRunner
): Promise<WholeBody | PiecewiseBody> => {
  const reader = body.getReader()
  const read = () => within(() => reader.read())
  const piecewise = (pieces: Array<Uint8Array>, pending: ReturnType<typeof read>): PiecewiseBody => {
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
  /** The outcome of a read so far. A failure stays for the reader of the pieces. */
  const byNow = (pending: ReturnType<typeof read>) => Promise.race([pending.catch(() => undefined), turn()])
  const first = read()
  const head = await byNow(first)
  if (head === undefined) return piecewise([], first)
  if (head.done) return { isWhole: true, bytes: new Uint8Array(0) }
  const second = read()
  const tail = await byNow(second)
  return tail?.done === true ? { isWhole: true, bytes: head.value } : piecewise([head.value], second)
}
