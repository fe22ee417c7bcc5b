/** Times and amounts for people. */

/** Formats a time in milliseconds. */
export const time = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1000).toFixed(1)} s`
  const seconds = Math.round(millis / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`
}

/** Formats the start of a run in UTC, to the second, or to the minute if `brief`. */
export const moment = (iso: string | undefined, brief = false): string => {
  if (iso === undefined) return ""
  const millis = Date.parse(iso)
  return Number.isNaN(millis) ? iso : new Date(millis).toISOString().slice(0, brief ? 16 : 19).replace("T", " ")
}

/** Formats the time between two moments. Returns an empty text if one is unknown. */
export const between = (from: string | undefined, to: string | undefined): string => {
  const millis = Date.parse(to ?? "") - Date.parse(from ?? "")
  return millis >= 0 ? time(millis) : ""
}

/** Returns a number with its noun: `1 run`, `2 runs`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
