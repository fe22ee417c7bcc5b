import type { Parsed } from "./client.js"

export interface ParsedEvent {
  readonly event: string
  readonly data: Parsed
}

/** Frames of a whole body, strictly as the emulator writes them: `event:` and `data:` lines, LF. */
export const parseEvents = (text: string): ReadonlyArray<ParsedEvent> =>
  text.split("\n\n").filter((frame) => frame !== "").map((frame) => {
    const match = /^event: (.+)\ndata: (.+)$/.exec(frame)
    if (match === null) throw new Error(`not a frame: ${JSON.stringify(frame)}`)
    return { event: match[1]!, data: JSON.parse(match[2]!) as Parsed }
  })

/** The output of a step, as a response tells it: on `step_completed`, or on the last `step_output` before it. */
export const outputOf = (events: ReadonlyArray<ParsedEvent>, stepId: string): Parsed => {
  const last = events.findLastIndex(({ data, event }) => event === "step_completed" && data.stepId === stepId)
  const { data } = events[last]!
  return Object.hasOwn(data, "output")
    ? data.output
    : events.slice(0, last).findLast((before) => before.event === "step_output" && before.data.stepId === stepId)!.data
      .outputContext
}
