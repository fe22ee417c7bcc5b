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
