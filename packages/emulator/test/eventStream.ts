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
