import type { Within } from "../asyncContext.js"

interface Emitter {
  emit(event: string, ...args: Array<unknown>): boolean
}

const bound = new WeakMap<Emitter, Within>()

/**
 * Lets the listeners of an emitter run in some context, from now on. Without it they run in that of whoever emits: a body
 * that is read by events would be handled outside of the scope of its request. Bound again, the later context counts.
 *
 * @internal
 */
export const bindEmitter = (emitter: Emitter, within: Within): void => {
  const isBound = bound.has(emitter)
  bound.set(emitter, within)
  if (isBound) return
  const emit = emitter.emit
  emitter.emit = (...args) => {
    const emitted = () => emit.apply(emitter, args)
    const current = bound.get(emitter)
    return current === undefined ? emitted() : current(emitted)
  }
}
