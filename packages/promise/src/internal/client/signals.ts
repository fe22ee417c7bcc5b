import type { CallSignal } from "../../NoukaiOptions.js"

/** Returns the signals that end a call. */
export const signalsOf = (
  ofCall: CallSignal | null | undefined,
  ofClient: CallSignal | null | undefined
): ReadonlyArray<CallSignal> => {
  const call = ofCall ?? undefined
  const client = ofClient ?? undefined
  if (call === undefined) return client === undefined ? [] : [client]
  return client === undefined ? [call] : [call, client]
}

/** The work that one signal stops, with one listener. */
interface AbortListener {
  readonly stops: Set<() => void>
  readonly tell: () => void
}

const listeners = new WeakMap<CallSignal, AbortListener>()

const join = (signal: CallSignal, stop: () => void): void => {
  let all = listeners.get(signal)
  if (all === undefined) {
    const stops = new Set<() => void>()
    all = { stops, tell: () => [...stops].forEach((stop) => stop()) }
    signal.addEventListener("abort", all.tell)
    listeners.set(signal, all)
  }
  all.stops.add(stop)
}

const leave = (signal: CallSignal, stop: () => void): void => {
  const all = listeners.get(signal)
  if (all === undefined) return
  all.stops.delete(stop)
  if (all.stops.size > 0) return
  listeners.delete(signal)
  signal.removeEventListener("abort", all.tell)
}

/**
 * Calls `stop` when a signal aborts, until the returned function is called. Each signal has at most one listener,
 * because runtimes warn about more than ten.
 */
export const onAbort = (signals: ReadonlyArray<CallSignal>, stop: () => void): () => void => {
  for (const signal of signals) join(signal, stop)
  return () => {
    for (const signal of signals) leave(signal, stop)
  }
}
