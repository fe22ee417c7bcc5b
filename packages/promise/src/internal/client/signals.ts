/**
 * The signals that a call ends with. JavaScript passes `null` for none.
 *
 * @internal
 */
export const signalsOf = (
  ofCall: AbortSignal | null | undefined,
  ofClient: AbortSignal | null | undefined
): ReadonlyArray<AbortSignal> => {
  const call = ofCall ?? undefined
  const client = ofClient ?? undefined
  if (call === undefined) return client === undefined ? [] : [client]
  return client === undefined ? [call] : [call, client]
}

/** Who is to hear of one signal, through one listener. */
interface Hearers {
  readonly stops: Set<() => void>
  readonly tell: () => void
}

const hearers = new WeakMap<AbortSignal, Hearers>()

const join = (signal: AbortSignal, stop: () => void): void => {
  let all = hearers.get(signal)
  if (all === undefined) {
    const stops = new Set<() => void>()
    all = { stops, tell: () => [...stops].forEach((stop) => stop()) }
    signal.addEventListener("abort", all.tell)
    hearers.set(signal, all)
  }
  all.stops.add(stop)
}

const leave = (signal: AbortSignal, stop: () => void): void => {
  const all = hearers.get(signal)
  if (all === undefined) return
  all.stops.delete(stop)
  if (all.stops.size > 0) return
  hearers.delete(signal)
  signal.removeEventListener("abort", all.tell)
}

/**
 * Lets the abort of any of these signals stop something, until it is called off. However many hear of a signal, it has
 * one listener, and none when nobody needs it any more: runtimes warn of a leak when there are more than ten.
 *
 * @internal
 */
export const hear = (signals: ReadonlyArray<AbortSignal>, stop: () => void): () => void => {
  for (const signal of signals) join(signal, stop)
  return () => {
    for (const signal of signals) leave(signal, stop)
  }
}
