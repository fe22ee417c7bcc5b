/** Instants and statuses of the SDK. */

/** Returns milliseconds since 1970. */
export const millisOf = (instant: string | undefined): number | undefined => {
  const millis = instant === undefined ? Number.NaN : Date.parse(instant)
  return Number.isNaN(millis) ? undefined : millis
}

/** An instant in UTC, such as `2026-11-30T09:00:00.000Z`. */
export const instantOf = (instant: number | undefined): string | undefined => {
  const date = new Date(instant ?? Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

export const hasEnded = (status: string): boolean => status !== "running" && status !== "pending"
