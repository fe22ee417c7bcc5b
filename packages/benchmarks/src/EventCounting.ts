/**
 * The peers that event streams are measured against: they count events and keep none.
 */
import { createParser } from "eventsource-parser"
import type { Row } from "./Suite.js"

/** A row that fails when it has not seen what there is. */
export const counting = (name: string, expected: number, run: () => number | Promise<number>): Row => ({
  name,
  run: async () => {
    const seen = await run()
    if (seen !== expected) {
      throw new Error(`${seen} events instead of ${expected}`)
    }
    return expected
  }
})

export const floor = "JSON.parse alone"

/** The parsing that no reader of JSON can do without. */
export const parsing = (payloads: ReadonlyArray<string>): Row =>
  counting(floor, payloads.length, () => {
    let seen = 0
    for (const payload of payloads) {
      const event: unknown = JSON.parse(payload)
      if (event !== undefined) seen++
    }
    return seen
  })

/** `eventsource-parser` with `JSON.parse`. */
export class EventCounter {
  seen = 0
  private readonly text = new TextDecoder()
  private readonly parser = createParser({
    onEvent: ({ data }) => {
      const event: unknown = JSON.parse(data)
      if (event !== undefined) this.seen++
    }
  })

  feed(bytes: Uint8Array): void {
    this.parser.feed(this.text.decode(bytes, { stream: true }))
  }
}
