/** Finds text in the names and payloads of a run. */
import type * as TraceLayout from "@effect-noukai/report/TraceLayout"
import { digitsAt } from "@effect-noukai/sdk/kit/plainJson"
import type { Hit, Hits } from "../RunsApi.js"
import { digitsOfPayload, type PayloadName } from "./payloads.js"
import type { Mask } from "./text.js"

/** The most places that are listed. */
const mostHits = 500

/** The characters of an excerpt before the place, and after its start. */
const around = { before: 40, after: 120 }

/** The levels of a payload that are searched. */
const mostLevels = 200

/** Adds the keys and values of JSON, one in each line, so that no text matches across two. */
const flatten = (value: unknown, digits: unknown, key: string, levels: number, lines: Array<string>): void => {
  if (value === null || typeof value !== "object") {
    if (value !== undefined) lines.push(key + (typeof digits === "string" ? digits : String(value)))
    return
  }
  if (key !== "") lines.push(key)
  if (levels === 0) return
  const isList = Array.isArray(value)
  for (const [name, member] of Object.entries(value)) {
    flatten(member, digitsAt(digits, name), isList ? "" : `${name}: `, levels - 1, lines)
  }
}

export interface Place extends Omit<Hit, "excerpt"> {
  readonly text: string
  readonly lower: string
}

const excerptOf = ({ lower, text }: Place, at: number): string => {
  // some letters are longer in lower case
  const whole = lower.length === text.length ? text : lower
  const line = whole.lastIndexOf("\n", at - 1) + 1
  const next = whole.indexOf("\n", at)
  const end = next === -1 ? whole.length : next
  const from = Math.max(line, at - around.before)
  const until = Math.min(end, at + around.after)
  // no character is cut in two
  const excerpt = whole.slice(from, until).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "")
  return `${from > line ? "…" : ""}${excerpt.replace(/\s+/g, " ").trim()}${until < end ? "…" : ""}`
}

/** Returns the place with the text around its first match with a text in lower case. */
export const hitOf = (place: Place, part: string): Hit => {
  const { lower, text: _, ...known } = place
  return { ...known, excerpt: excerptOf(place, Math.max(0, lower.indexOf(part))) }
}

/** Returns the texts of a run: the names of its steps, and its payloads. */
export const placesOf = (mask: Mask, { bars }: TraceLayout.TraceLayout): ReadonlyArray<Place> => {
  const named = new Set<string>()
  return bars.flatMap(({ step }): ReadonlyArray<Place> => {
    const { attempt, loopIndex, stepId } = step
    const place = (where: Hit["where"], whole: string): Place => {
      const text = mask(whole)
      return {
        stepId,
        attempt,
        ...loopIndex !== undefined && { loopIndex },
        where,
        text,
        lower: text.toLowerCase()
      }
    }
    const payload = (where: Hit["where"], of: PayloadName): ReadonlyArray<Place> => {
      if (step[of] === undefined) return []
      const lines: Array<string> = []
      flatten(step[of], digitsOfPayload(step, of), "", mostLevels, lines)
      return [place(where, lines.join("\n"))]
    }
    const isFirst = !named.has(stepId)
    named.add(stepId)
    return [
      // the name of a step is found once
      ...isFirst ? [place("name", stepId)] : [],
      ...payload("input", "inputContext"),
      ...payload("output", "outputContext"),
      ...payload("error", "errorContext")
    ]
  })
}

/** Makes the search in a run. Its texts are prepared once. */
export const searching = (mask: Mask, layout: TraceLayout.TraceLayout): (text: string) => Hits => {
  const places = placesOf(mask, layout)
  return (text) => {
    const part = text.toLowerCase()
    if (part === "") return { hits: [], total: 0 }
    const hits: Array<Hit> = []
    let total = 0
    for (const place of places) {
      if (!place.lower.includes(part)) continue
      total++
      if (hits.length < mostHits) hits.push(hitOf(place, part))
    }
    return { hits, total }
  }
}
