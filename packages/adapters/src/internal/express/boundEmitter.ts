import type { ContextRunner } from "../asyncContext.js"

interface Emitter {
  emit(event: string, ...args: Array<unknown>): boolean
}

const bound = new WeakMap<Emitter, ContextRunner>()

/**
 * Runs the listeners of an emitter in a context, from now on. Otherwise they run in the context of the emitting code,
 * and a body that is read by events is handled outside of its request's scope. Binding again replaces the context.
 *
 * @internal
 */
export const bindEmitter = (emitter: Emitter, within: ContextRunner): void => {
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
