/** Instants and statuses of the SDK. */

/** Returns milliseconds since 1970. */
export const millisOf = (instant: string | undefined): number | undefined => {
  const millis = instant === undefined ? Number.NaN : Date.parse(instant)
  return Number.isNaN(millis) ? undefined : millis
}

export const hasEnded = (status: string): boolean => status !== "running" && status !== "pending"
